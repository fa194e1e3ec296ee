"""Each validation rule of the CRDs accepts a good policy, refuses a bad one, and agrees with the checks of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from costward_contract.checks import findings
from costward_contract.parse import KINDS, parse_object
from costward_contract.policy import CostPolicy
from costward_contract.rules import BY_COMPILER, BY_SCHEMA, CEL_RULES, RuleName
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.fakes.cel_rules import broken
from tests.fakes.policy_documents import RICH, changed, minimal, platform
from tests.fakes.rule_breakers import BREAKERS

NAMES = sorted({rule.name for rule in CEL_RULES})
BLOCK: dict[str, Any] = {
    name: value
    for name, value in RICH["spec"].items()  # type: ignore[attr-defined]  # a document is of objects
    if name not in ("owner", "priority", "targetRefs", "workloads")
}
GOOD = [
    dict(RICH),
    minimal("least"),
    platform(overrides=BLOCK, defaults=BLOCK),
    platform(defaults={}, targetRefs=[{"kind": "Namespace", "name": "a"}]),
    platform(
        overrides={"unpriced": "Refuse"},
        targetRefs=[
            {"kind": "Service", "namespace": "a", "name": "llm"},
            {"group": "networking.istio.io", "kind": "ServiceEntry", "namespace": "a", "name": "openai"},
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "namespace": "a",
                "name": "egress",
                "sectionName": "http",
            },
        ],
    ),
]


@pytest.mark.parametrize("document", GOOD)
def test_good_policies_break_no_rule(document: dict[str, Any]) -> None:
    assert parse_object(document, kinds=KINDS).problems == ()
    assert broken(document) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_policy_breaks_its_rule_and_no_other(name: RuleName) -> None:
    assert broken(BREAKERS[name]) == [name]


@pytest.mark.parametrize("name", [name for name in NAMES if BREAKERS[name]["kind"] == "CostPolicy"])
def test_both_blocks_of_the_platform_have_the_rule(name: RuleName) -> None:
    spec: dict[str, Any] = json.loads(json.dumps(BREAKERS[name]["spec"]))
    block = {part: value for part, value in spec.items() if part in BLOCK}
    expected = [] if name in ("cap-user", "target-group", "target-section") else [name]

    assert broken(platform(defaults=block)) == broken(platform(overrides=block)) == expected


ONE_MODEL = [{"name": "small", "model": "gpt-5-mini"}]
EDGES: list[dict[str, Any]] = [
    changed("spec.aliases.auto", "small..small"),
    changed("spec.aliases.auto", "small..large"),
    changed("spec.aliases.auto", "small..huge"),
    changed("spec.aliases.gpt-5", "small"),
    changed("spec.tiers[0].ladder[2].at", "100.0%"),
    changed("spec.tiers[0].ladder[0].at", "0.0001%"),
    changed("spec.routing.rules[0].when.minPromptTokens", 200),
    changed("spec.tiers[0].ladder[2].text", "{{limit}}"),
    changed("spec.tiers[0].ladder[2].text", ""),
    changed("spec.identity.tier.default", "default"),
    minimal("p", models=ONE_MODEL, routing={"fallback": {"after": ["Timeout"]}}),
    minimal("p", models=ONE_MODEL, aliases={"auto": "small"}),
    minimal("p", aliases={"auto": "small"}),
    minimal("p", identity={"tier": {"header": "x-tier", "trustedFrom": ["web"], "default": "default"}}),
    minimal("p", identity={"tier": {"header": "x-tier", "trustedFrom": ["web"], "default": "free"}}),
]


@pytest.mark.parametrize("document", EDGES)
def test_at_the_edges_of_a_rule_both_sides_agree(document: dict[str, Any]) -> None:
    assert set(broken(document)) == {finding.rule for finding in findings(document)}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


SPEC_PLACES = sorted((path for path in places(RICH) if path[0] == "spec" and len(path) > 1), key=repr)
GONE = object()
WORDS = [
    GONE, "small", "middle", "large", "gpt-5", "gpt-5-pro", "small..large", "large..small", "middle..huge", "free",
    "pro", "gold", "User", "Session", "Tier", "Policy", "Day", "Month", "80%", "0%", "100%", "100.0%", "99.99%", "1",
    "0.50", "0", "0h", "24h", "0s", "x-user-id", "x-costward-a", "web", "bot", "Warn", "UseModel", "Message",
    "a {spent} b", "{", "ToolCalls", "Timeout", "Answer", "", "shop", "networking.istio.io", "Service", 0, 1, 200, 201,
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """RICH with some places emptied, exchanged for other places' values, or given other words."""
    document: dict[str, Any] = json.loads(json.dumps(RICH))
    for path in draw(st.lists(st.sampled_from(SPEC_PLACES), min_size=1, max_size=4)):
        value = draw(st.sampled_from(WORDS) | st.sampled_from(SPEC_PLACES))
        place: Any = document
        with suppress(KeyError, IndexError, TypeError):
            for part in path[:-1]:
                place = place[part]
            _put(place, path[-1], _value(value))
    return document


def _value(value: Any) -> Any:
    found: Any = RICH
    for part in value if isinstance(value, tuple) else ():
        found = found[part]
    return deepcopy(found) if isinstance(value, tuple) else value


def _put(place: Any, key: Any, value: Any) -> None:
    if value is GONE:
        del place[key]
    elif isinstance(place, list) and key == 0:
        place.append(value)
    else:
        place[key] = value


@settings(deadline=None, max_examples=300)
@given(documents())
def test_the_api_server_refuses_what_a_file_would_be_refused_for(document: dict[str, Any]) -> None:
    """Also where several rules are broken at once: the same rules on both sides, save those that only one can see."""
    try:
        CostPolicy.model_validate(document)
    except ValidationError:
        return  # Refused by the schema before any rule is looked at.
    in_a_file = {finding.rule for finding in findings(document)} - set(BY_SCHEMA) - set(BY_COMPILER)

    assert set(broken(document)) == in_a_file
