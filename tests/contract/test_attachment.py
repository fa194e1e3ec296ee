"""Which policy has which target, and what each is told where it has it not."""

from __future__ import annotations

import pytest
from costward_contract.attachment import (
    CLUSTER,
    AncestorVerdict,
    Facts,
    chain,
    covers,
    shown,
    target,
    targets_of,
    targets_of_platform,
)
from costward_contract.compiler import Verdict, compile_policies
from costward_contract.snapshot import Snapshot, Target

from tests.fakes.policy_documents import accepted, accepted_platform, minimal, platform

NAMESPACE = target("Namespace", "", "shop")
SERVICE = target("Service", "shop", "llm")
GATEWAY = target("Gateway", "shop", "egress")
LISTENER = target("Gateway", "shop", "egress", "http")
FACTS = Facts({NAMESPACE: frozenset(), SERVICE: frozenset(), GATEWAY: frozenset({"http"})})
TO_SERVICE = {"kind": "Service", "name": "llm"}
TO_LISTENER = {
    "group": "gateway.networking.k8s.io",
    "kind": "Gateway",
    "name": "egress",
    "sectionName": "http",
}
TO_NAMESPACE = {"kind": "Namespace", "name": "shop"}


def compiled(*documents: dict[str, object], facts: Facts | None = FACTS) -> tuple[Snapshot, dict[str, Verdict]]:
    snapshot, verdicts = compile_policies(accepted(*documents), facts=facts)
    return snapshot, {verdict.ref: verdict for verdict in verdicts}


def at(verdict: Verdict, to: Target) -> AncestorVerdict:
    (found,) = [ancestor for ancestor in verdict.ancestors if ancestor.target == to]
    return found


def test_a_policy_without_targets_has_its_namespace() -> None:
    (policy,) = accepted(minimal("p", "shop"))

    assert targets_of(policy) == (NAMESPACE,)
    assert shown(NAMESPACE) == "Namespace shop"


def test_a_platform_policy_without_targets_has_the_cluster() -> None:
    (policy,) = accepted_platform(platform(defaults={}))

    assert targets_of_platform(policy) == (CLUSTER,)


@pytest.mark.parametrize(
    ("general", "specific", "expected"),
    [
        (CLUSTER, LISTENER, True),
        (NAMESPACE, NAMESPACE, True),
        (NAMESPACE, SERVICE, True),
        (NAMESPACE, target("Namespace", "", "other"), False),
        (GATEWAY, LISTENER, True),
        (LISTENER, GATEWAY, False),
        (SERVICE, NAMESPACE, False),
        (SERVICE, target("Service", "shop", "other"), False),
        (SERVICE, target("Service", "other", "llm"), False),
        (target("HTTPRoute", "shop", "llm"), SERVICE, False),
    ],
)
def test_what_lies_below_a_target_is_covered(general: Target, specific: Target, expected: bool) -> None:
    assert covers(general, specific) is expected


def test_destinations_are_apart_from_what_governs_workloads() -> None:
    """A data plane that looks at senders only must not take a destination's policy for its whole namespace."""
    snapshot, verdicts = compiled(minimal("both", "shop", targetRefs=[TO_SERVICE, TO_NAMESPACE, TO_LISTENER]))

    assert [policy.ref for policy in snapshot.policies] == ["shop/both"]
    assert [(found.targets, found.policy.ref) for found in snapshot.destinations] == [
        ((SERVICE, LISTENER), "shop/both")
    ]
    assert [ancestor.target for ancestor in verdicts["shop/both"].ancestors] == [SERVICE, NAMESPACE, LISTENER]
    assert verdicts["shop/both"].accepted


def test_a_policy_only_for_a_destination_governs_no_sender() -> None:
    snapshot, _ = compiled(minimal("p", "shop", targetRefs=[TO_SERVICE]))

    assert snapshot.policies == ()


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ({"kind": "Service", "name": "gone"}, "there is no Service shop/gone"),
        ({**TO_LISTENER, "sectionName": "https"}, "Gateway shop/egress has no section https"),
        ({**TO_LISTENER, "kind": "HTTPRoute"}, "there is no HTTPRoute shop/egress"),
    ],
)
def test_a_target_that_is_not_there_is_told(ref: dict[str, str], message: str) -> None:
    snapshot, verdicts = compiled(minimal("p", "shop", targetRefs=[ref]))

    assert snapshot.destinations == ()
    assert verdicts["shop/p"].reason == "TargetNotFound"
    assert verdicts["shop/p"].message == message


def test_one_missing_target_costs_only_itself() -> None:
    snapshot, verdicts = compiled(minimal("p", "shop", targetRefs=[{"kind": "Service", "name": "gone"}, TO_SERVICE]))

    assert [found.targets for found in snapshot.destinations] == [(SERVICE,)]
    assert verdicts["shop/p"].accepted
    assert [ancestor.reason for ancestor in verdicts["shop/p"].ancestors] == ["TargetNotFound", "Accepted"]


def test_a_file_knows_namespaces_only() -> None:
    snapshot, verdicts = compiled(minimal("p", "shop", targetRefs=[TO_SERVICE]), facts=None)

    assert snapshot.destinations == ()
    assert verdicts["shop/p"].message.startswith("Service shop/llm is not known: only in a cluster")


def test_its_own_namespace_is_there_even_before_it_was_seen() -> None:
    snapshot, _ = compiled(minimal("p", "unseen"))

    assert [policy.ref for policy in snapshot.policies] == ["unseen/p"]


def test_who_leaves_nothing_to_another_is_named_as_the_winner() -> None:
    snapshot, verdicts = compiled(
        minimal("winner", "shop", priority=1), minimal("loser", "shop"), minimal("elsewhere", "other")
    )
    lost = at(verdicts["shop/loser"], NAMESPACE)

    assert (lost.accepted, lost.reason) == (False, "Conflicted")
    assert lost.message == "shop/winner goes before it at Namespace shop and leaves nothing to it"
    assert at(verdicts["shop/winner"], NAMESPACE).accepted
    assert at(verdicts["other/elsewhere"], target("Namespace", "", "other")).accepted
    # It waits in the snapshot, and governs as soon as the winner is gone.
    assert "shop/loser" in {policy.ref for policy in snapshot.policies}


def test_service_accounts_are_won_one_by_one() -> None:
    def only(name: str, priority: int, *accounts: str) -> dict[str, object]:
        return minimal(name, "shop", priority=priority, workloads={"serviceAccounts": list(accounts)})

    _, verdicts = compiled(
        only("a", 4, "web"), only("b", 3, "bot"), only("half", 2, "web", "job"), only("lost", 1, "web", "bot"),
        minimal("rest", "shop"),
    )  # fmt: skip

    assert at(verdicts["shop/half"], NAMESPACE).accepted
    assert at(verdicts["shop/rest"], NAMESPACE).accepted
    assert at(verdicts["shop/lost"], NAMESPACE).message.startswith("shop/a, shop/b goes before it")


def test_of_two_with_one_name_the_second_is_conflicted_at_every_target() -> None:
    twin = minimal("p", "shop", owner={"team": "u"}, targetRefs=[TO_NAMESPACE, TO_SERVICE])
    _, verdicts = compile_policies(accepted(minimal("p", "shop", priority=1), twin), facts=FACTS)

    assert [ancestor.reason for ancestor in verdicts[1].ancestors] == ["Conflicted", "Conflicted"]


def test_overrides_come_from_above_and_defaults_from_near() -> None:
    everywhere, here, at_service, older = accepted_platform(
        platform("everywhere", defaults={}),
        platform("here", defaults={}, targetRefs=[TO_NAMESPACE], priority=9),
        platform("service", defaults={}, targetRefs=[{**TO_SERVICE, "namespace": "shop"}]),
        platform("other", defaults={}, targetRefs=[{"kind": "Namespace", "name": "other"}]),
    )
    found = chain([here, everywhere, at_service, older], SERVICE)

    assert [policy.ref for policy in found.overrides] == ["everywhere", "here", "service"]
    assert [policy.ref for policy in found.defaults] == ["service", "here", "everywhere"]
