"""The status says what is true: `Programmed` only when every live data plane in scope serves it, and that is proven."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_contract.status import PolicyStatus
from costward_operator.core.conditions import Condition, Reason
from costward_operator.core.delivery import DataPlane, Delivery, Proof, Published, Rejection
from costward_operator.core.objects import Seen
from costward_operator.core.status import Judgement, StatusChange, status_change

from tests.fakes.apiserver_objects import LATER, NOW, policy, seen

GOOD = Judgement(digest="d1")
PROVEN = {"team/bot": Proof("Verified", "probed at the gateway")}
NACK = Rejection("h2", "schema 2 is too new")


def published(**snapshots: str) -> Published:
    known = Published()
    for hash, digest in snapshots.items():
        known.remember(hash, {"team/bot": digest})
        known.remember(f"{hash}-team", {"team/bot": digest}, scope="team")
    return known


def change(
    *planes: DataPlane,
    of: Seen | None = None,
    judgement: Judgement = GOOD,
    proofs: dict[str, Proof] | None = None,
    settled: bool = True,
    now: str = NOW,
) -> StatusChange | None:
    delivery = Delivery(planes, PROVEN if proofs is None else proofs, settled)
    return status_change(of or seen(), judgement, delivery, published(h0="d0", h1="d1", h2="d1"), now)


def told(*args: Any, **kwargs: Any) -> dict[str, tuple[str, str]]:
    changed = change(*args, **kwargs)
    assert changed is not None
    conditions: Any = changed.status["conditions"]
    return {each["type"]: (each["status"], each["reason"]) for each in conditions}


def written(*args: Any, **kwargs: Any) -> Seen:
    """The policy with the status that it gets."""
    changed = change(*args, **kwargs)
    assert changed is not None
    return seen(status=changed.status)


ONE = DataPlane("one", acked="h1")


def test_it_is_programmed_where_every_plane_serves_it_and_the_path_is_proven() -> None:
    assert told(ONE, DataPlane("two", acked="h2")) == {
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "ResolvedRefs"),
        "Programmed": ("True", "Verified"),
        "Ready": ("True", "Ready"),
        "Degraded": ("False", "Healthy"),
    }


@pytest.mark.parametrize(
    ("planes", "proofs", "reason"),
    [
        ((), None, "NoDataPlane"),
        ((ONE, DataPlane("two", acked="h0")), None, "Pending"),
        ((ONE, DataPlane("two", acked="a hash nobody knows")), None, "Pending"),
        ((DataPlane("starting"),), None, "Pending"),
        ((ONE, DataPlane("two", acked="h0", rejected=NACK)), None, "RejectedByDataPlane"),
        ((ONE,), {}, "Unproven"),
        ((ONE,), {"team/bot": Proof("Unproven", "gone")}, "Unproven"),
    ],
)
def test_it_is_not_programmed_for_less(
    planes: tuple[DataPlane, ...], proofs: dict[str, Proof] | None, reason: str
) -> None:
    got = told(*planes, proofs=proofs)

    assert (got["Programmed"], got["Ready"][0]) == (("False", reason), "False")


def test_a_plane_that_has_nothing_yet_serves_no_traffic_and_counts_for_nothing() -> None:
    assert told(ONE, DataPlane("starting"))["Programmed"][0] == "True"


def test_another_namespaces_sidecar_has_no_say() -> None:
    assert told(ONE, DataPlane("theirs", namespace="other", acked="h0"))["Programmed"][0] == "True"


def test_a_sidecar_of_the_same_namespace_has_a_say() -> None:
    assert told(ONE, DataPlane("ours", namespace="team", acked="h0"))["Programmed"] == ("False", "Pending")


def test_a_sidecar_serves_a_snapshot_of_its_own() -> None:
    assert told(ONE, DataPlane("ours", namespace="team", acked="h1-team"))["Programmed"][0] == "True"


def test_a_plane_that_rejects_is_told_as_degraded_although_it_serves_this_policy() -> None:
    got = told(DataPlane("one", acked="h1", rejected=NACK))

    assert (got["Programmed"][0], got["Degraded"]) == ("True", ("True", "RejectedByDataPlane"))


@pytest.mark.parametrize(
    ("refused", "accepted", "resolved"),
    [
        ("Invalid", ("False", "Invalid"), ("Unknown", "Invalid")),
        ("Conflicted", ("False", "Conflicted"), ("True", "ResolvedRefs")),
        ("TargetNotFound", ("False", "TargetNotFound"), ("False", "TargetNotFound")),
    ],
)
def test_a_policy_that_is_not_accepted_is_not_programmed(
    refused: Any, accepted: tuple[str, str], resolved: tuple[str, str]
) -> None:
    got = told(ONE, judgement=Judgement(refused, "why"))

    assert (got["Accepted"], got["ResolvedRefs"], got["Programmed"]) == (accepted, resolved, ("False", "NotAccepted"))


def test_each_target_is_an_ancestor_with_its_conditions() -> None:
    refs = [{"kind": "Namespace", "name": "team"}, {"group": "g", "kind": "Gateway", "name": "gw", "sectionName": "s"}]
    changed = change(ONE, of=seen(spec_={"targetRefs": refs}), judgement=Judgement("Invalid", "why"))

    assert changed is not None
    ancestors: Any = changed.status["ancestors"]
    assert [each["ancestorRef"] for each in ancestors] == [
        {"group": "", "kind": "Namespace", "name": "team", "namespace": "", "sectionName": ""},
        {"group": "g", "kind": "Gateway", "name": "gw", "namespace": "team", "sectionName": "s"},
    ]
    assert {each["controllerName"] for each in ancestors} == {"costward.dev/operator"}
    assert [each["type"] for each in ancestors[0]["conditions"]] == ["Accepted", "ResolvedRefs", "Programmed"]


def test_what_is_true_already_is_not_written_again() -> None:
    assert change(ONE, of=written(ONE), now=LATER) is None


def test_the_api_server_has_no_default_to_add() -> None:
    """Else what it stores would never be what is wanted, and each round would write it again."""
    status = written(ONE).status or {}

    stored = PolicyStatus.model_validate_json(json.dumps(status)).model_dump(by_alias=True, exclude_none=True)

    assert json.loads(json.dumps(stored)) == status


def test_the_status_parts_of_others_are_left_to_them() -> None:
    mine = written(ONE).status or {}

    assert change(ONE, of=seen(status={**mine, "spend": {"monthUSD": "1"}}), now=LATER) is None


def test_another_policys_change_rewrites_nothing() -> None:
    """h2 is a later snapshot that holds this policy as it was."""
    before = written(ONE, DataPlane("two", acked="h1"))

    assert change(DataPlane("one", acked="h2"), DataPlane("two", acked="h1"), of=before, now=LATER) is None


def test_after_a_restart_nothing_is_unsaid_until_the_planes_are_back() -> None:
    assert change(of=written(ONE), settled=False, now=LATER) is None


def test_after_a_restart_a_new_policy_is_not_called_programmed() -> None:
    assert told(settled=False)["Programmed"] == ("Unknown", "Pending")


def test_after_a_restart_a_former_generations_word_is_not_kept() -> None:
    former = written(ONE).status

    assert told(of=seen(generation=2, status=former), settled=False)["Programmed"] == ("Unknown", "Pending")


def test_only_what_turned_is_news() -> None:
    fresh, turned = change(), change(of=written(ONE), now=LATER)

    assert fresh is not None
    assert turned is not None
    assert [(t.type, t.status, t.reason) for t in turned.transitions] == [
        ("Programmed", "False", Reason.NO_DATA_PLANE),
        ("Ready", "False", Reason.NOT_READY),
    ]
    assert "Degraded" in {t.type for t in fresh.transitions}


def test_waiting_is_no_news() -> None:
    waiting = change(DataPlane("one", acked="h0"), now=LATER)

    assert waiting is not None
    assert "Programmed" not in {t.type for t in waiting.transitions}


def test_the_observed_generation_is_that_of_the_object() -> None:
    changed = change(ONE, of=seen(generation=7))

    assert changed is not None
    conditions: Any = changed.status["conditions"]
    assert {changed.status["observedGeneration"], *(c["observedGeneration"] for c in conditions)} == {7}


def test_a_policy_body_is_what_these_tests_stand_on() -> None:
    assert seen().policy is not None
    assert policy()["metadata"]["name"] == "bot"
    assert Condition("Ready", "True", Reason.READY).body()["reason"] == "Ready"
