"""What policies name is looked up and nothing else; what cannot be seen is not said to be missing."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.attachment import target
from costward_contract.snapshot import Target
from costward_operator.core.reconcile import compile_seen
from costward_operator.core.targets import Asked, Place, asked_of, looked

from tests.fakes.apiserver_objects import seen, spec

SERVICE = target("Service", "team", "llm")
ENTRY = target("ServiceEntry", "team", "openai")
GATEWAY = target("Gateway", "team", "egress")


def named(*refs: dict[str, str]) -> Any:
    return seen("bot", spec_={**spec(), "targetRefs": list(refs)})


def body(name: str, namespace: str = "team", labels: dict[str, str] | None = None, **spec_: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, "spec": spec_}


def slice_of(service: str, *ready: bool | None) -> dict[str, Any]:
    metadata = {"name": "x", "labels": {"kubernetes.io/service-name": service}}
    return {"metadata": metadata, "endpoints": [{"conditions": {} if one is None else {"ready": one}} for one in ready]}


def look(listed: dict[Place, Any], *targets: Target, wired: frozenset[str] | None = None) -> Any:
    return looked(Asked(frozenset(targets)), listed, wired)


def test_policies_that_name_no_targets_ask_for_nothing() -> None:
    assert not asked_of([seen("bot"), seen("broken", spec_={"owner": 1})])


def test_only_the_kinds_and_namespaces_that_are_named_are_listed() -> None:
    asked = asked_of([named({"kind": "Service", "name": "llm"}), seen("other", "elsewhere")])

    assert asked.places == (("EndpointSlice", "team"), ("Service", "team"))


@pytest.mark.parametrize(
    ("slices", "word"),
    [
        ((), "no ready pods"),
        ((slice_of("llm", False),), "no ready pods"),
        ((slice_of("other", True),), "no ready pods"),
        ((slice_of("llm", False, True),), ""),
        ((slice_of("llm", None),), ""),
    ],
)
def test_a_service_without_ready_pods_is_told(slices: Any, word: str) -> None:
    found = look({("Service", "team"): [body("llm")], ("EndpointSlice", "team"): slices}, SERVICE)

    assert word in found.troubles.get(SERVICE, "")
    assert bool(word) == (SERVICE in found.troubles)


def test_an_alias_of_ours_and_an_external_name_need_no_pods() -> None:
    ours = {"app.kubernetes.io/managed-by": "costward", "app.kubernetes.io/part-of": "costward"}
    for one in (body("llm", labels=ours), body("llm", type="ExternalName")):
        assert look({("Service", "team"): [one], ("EndpointSlice", "team"): []}, SERVICE).troubles == {}


@pytest.mark.parametrize(
    ("wired", "is_told"),
    [(None, False), (frozenset({"api.openai.com"}), False), (frozenset[str](), True)],
)
def test_a_service_entry_without_wiring_is_told(wired: frozenset[str] | None, is_told: bool) -> None:
    found = look({("ServiceEntry", "team"): [body("openai", hosts=["api.openai.com"])]}, ENTRY, wired=wired)

    assert ("api.openai.com" in found.troubles.get(ENTRY, "")) == is_told


def test_sections_are_those_of_the_object() -> None:
    found = look({("Gateway", "team"): [body("egress", listeners=[{"name": "http"}, {"name": "tls"}])]}, GATEWAY)

    assert found.facts.missing(target("Gateway", "team", "egress", "tls")) is None
    assert "no section" in found.facts.missing(target("Gateway", "team", "egress", "grpc"))


def test_what_may_not_be_listed_stays_in_force_and_says_why() -> None:
    found = look({("Service", "team"): "the operator may not list services", ("EndpointSlice", "team"): []}, SERVICE)
    one = named({"kind": "Service", "name": "llm"})

    compiled = compile_seen([one], found.facts, found.troubles)

    judgement = compiled.judgements[one.uid]
    assert (judgement.refused, judgement.at[0].trouble) == (None, "the operator may not list services")
    assert [each.policy.ref for each in compiled.snapshot.destinations] == ["team/bot"]


def test_a_target_that_is_not_there_refuses_the_policy() -> None:
    found = look({("Service", "team"): [body("other")], ("EndpointSlice", "team"): []}, SERVICE)
    one = named({"kind": "Service", "name": "llm"})

    assert compile_seen([one], found.facts, found.troubles).judgements[one.uid].refused == "TargetNotFound"
