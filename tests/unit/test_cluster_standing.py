"""What is told of a policy is what its status says of its present spec, and nothing older."""

from __future__ import annotations

import io
from typing import Any

import pytest
from costward_cli.cluster.show import standing_table
from costward_cli.cluster.standing import SHOWN, age, short_hash, standings, unmet
from rich.console import Console

NOW = 1_800_000_000.0
CREATED = "2027-01-15T07:58:20Z"
"""100 seconds before NOW."""


def condition(kind: str, status: str = "True", reason: str = "Fine", generation: int = 2) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": f"{kind} it is",
        "observedGeneration": generation,
    }


def policy(*conditions: dict[str, Any], name: str = "bot", kind: str = "CostPolicy") -> dict[str, Any]:
    metadata = {"name": name, "generation": 2, "creationTimestamp": CREATED}
    if kind == "CostPolicy":
        metadata["namespace"] = "team"
    ancestor = {
        "ancestorRef": {"kind": "Gateway", "namespace": "team", "name": "egress", "sectionName": "http"},
        "conditions": list(conditions),
    }
    status = {"snapshot": "sha256:" + "ab" * 32, "conditions": list(conditions), "ancestors": [ancestor]}
    return {"kind": kind, "metadata": metadata, "spec": {}, "status": status}


ALL = [condition(kind) for kind in SHOWN]


def test_a_policy_in_force_has_nothing_to_look_at() -> None:
    (one,) = standings([policy(*ALL)], NOW)

    assert (one.ref, one.age_s, short_hash(one.snapshot)) == ("team/bot", 100, "abababab")
    assert [one.conditions[kind].status for kind in SHOWN] == ["True"] * 4
    assert unmet(one) == []
    assert one.targets[0].ref == "Gateway team/egress/http"


def test_the_proof_is_told_beside_programmed() -> None:
    told = [*ALL[:2], condition("Programmed", reason="Configured"), ALL[3]]
    (one,) = standings([policy(*told)], NOW)
    console = Console(width=160, record=True, file=io.StringIO())

    console.print(standing_table([one]))

    assert "True Configured" in console.export_text()


def test_what_was_told_of_an_earlier_spec_is_not_known_of_this_one() -> None:
    (one,) = standings([policy(*(condition(kind, generation=1) for kind in SHOWN))], NOW)

    assert {(told.status, told.reason) for told in one.conditions.values()} == {("Unknown", "Outdated")}
    assert {told.reason for told in one.targets[0].conditions.values()} == {"Outdated"}


def test_a_policy_of_which_no_operator_spoke_says_so() -> None:
    untold = policy()
    del untold["status"]
    (one,) = standings([untold], NOW)

    assert [kind for kind, _ in unmet(one)] == list(SHOWN)
    assert one.snapshot == ""
    assert one.conditions["Ready"].reason == "NotSeen"


def test_degraded_is_told_where_it_is_true_alone() -> None:
    quiet, loud = (standings([policy(*ALL, condition("Degraded", status))], NOW)[0] for status in ("False", "True"))

    assert "Degraded" not in quiet.conditions
    assert [kind for kind, _ in unmet(loud)] == ["Degraded"]


def test_platform_policies_come_first() -> None:
    found = standings([policy(name="a"), policy(name="z", kind="ClusterCostPolicy")], NOW)

    assert [one.ref for one in found] == ["z", "team/a"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1m"), (90_000, "1d"), (None, "?")])
def test_an_age_has_one_unit(seconds: int | None, text: str) -> None:
    assert age(seconds) == text
