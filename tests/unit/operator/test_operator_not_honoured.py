"""A policy for what is called is never said to be programmed, as data planes decide by who calls."""

from __future__ import annotations

from typing import Any

from costward_operator.core.delivery import DataPlane, Delivery, Proof, Published
from costward_operator.core.reconcile import compile_seen, status_changes
from costward_operator.core.targets import asked_of, looked

from tests.fakes.apiserver_objects import NOW, seen, spec


def programmed(refs: list[dict[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole policy's condition, and its last ancestor's; everything else about it is as good as can be."""
    one = seen("bot", spec_={**spec(), "targetRefs": refs})
    service = {"metadata": {"name": "llm", "namespace": "team"}, "spec": {"type": "ExternalName"}}
    asked = asked_of([one])
    found = looked(asked, {place: [service] if place[0] == "Service" else [] for place in asked.places}, None)
    compiled = compile_seen([one], found.facts if asked else None, found.troubles)
    published = Published()
    published.remember(compiled.snapshot.hash, compiled.contents)
    delivery = Delivery((DataPlane("a", acked=compiled.snapshot.hash),), {"team/bot": Proof("Seen")})
    (change,) = status_changes([one], compiled, delivery, published, NOW)
    status: Any = change.status
    whole = {each["type"]: each for each in status["conditions"]}
    there = {each["type"]: each for each in status["ancestors"][-1]["conditions"]}
    return whole["Programmed"], there["Programmed"]


def test_a_policy_for_a_service_says_that_it_is_not_honoured() -> None:
    whole, there = programmed([{"kind": "Namespace", "name": "team"}, {"kind": "Service", "name": "llm"}])

    assert (whole["status"], whole["reason"]) == ("False", "NotHonoured")
    assert (there["status"], there["reason"]) == ("False", "NotHonoured")
    assert "Service llm" in whole["message"]


def test_a_policy_for_its_namespace_is() -> None:
    whole, there = programmed([{"kind": "Namespace", "name": "team"}])

    assert (whole["status"], there["status"]) == ("True", "True")
