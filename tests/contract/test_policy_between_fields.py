"""What must hold between fields is told at the field that breaks it."""

from __future__ import annotations

import pytest

from tests.fakes.policy_documents import changed, minimal, read, removed


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("spec.targetRefs[0].name", "other", "a policy governs its own namespace only"),
        ("spec.targetRefs[0].group", "networking.istio.io", "is not the group of Namespace"),
        ("spec.targetRefs[0].sectionName", "http", "only a Gateway and an HTTPRoute have sections"),
        ("spec.workloads.serviceAccounts[1]", "web", "is given twice in this list"),
        ("spec.identity.tier.trustedFrom", ["web", "web"], "is given twice in this list"),
        ("spec.models[1].model", "gpt-5-mini", "is given twice in this list"),
        ("spec.aliases.auto", "small..huge", "huge is not in spec.models"),
        ("spec.aliases.auto", "middle..small", "middle does not stand before small in spec.models"),
        ("spec.aliases.auto", "small..small", "small does not stand before small in spec.models"),
        ("spec.aliases.large", "large", "an alias must differ from every model and rung"),
        ("spec.aliases.gpt-5", "large", "an alias must differ from every model and rung"),
        ("spec.identity.user.header", "x-costward-user", "x-costward-* headers are Costward's own"),
        ("spec.identity.session.headers[1]", "x-costward-task", "x-costward-* headers are Costward's own"),
        ("spec.identity.session.headers[1]", "x-session-id", "is given twice in this list"),
        ("spec.identity.tier.default", "gold", "is not in spec.tiers"),
        ("spec.tiers[1].name", "free", "is given twice in this list"),
        ("spec.tiers[0].caps[0].limitUSD", "0.00", "a limit of nothing refuses every request"),
        ("spec.tiers[0].caps[1].window", "Day", "a session has no window"),
        ("spec.tiers[0].ladder[0].at", "0%", "is not a share of a limit"),
        ("spec.tiers[0].ladder[2].at", "100.01%", "is not a share of a limit"),
        ("spec.tiers[0].ladder[1].at", "80%", "steps must rise"),
        ("spec.tiers[0].ladder[0].text", "hello", "belongs to Message; this step is Warn"),
        ("spec.tiers[0].ladder[0].model", "small", "belongs to UseModel; this step is Warn"),
        ("spec.tiers[0].ladder[1].as", "Error", "belongs to Message; this step is UseModel"),
        ("spec.tiers[0].ladder[1].model", "huge", "is not in spec.models"),
        ("spec.tiers[0].ladder[2].text", "Ask {nobody}.", "has a brace that is no placeholder"),
        ("spec.tiers[0].ladder[2].text", "100% {spent", "has a brace that is no placeholder"),
        ("spec.tiers[0].ladder[2].text", "{{limit}}", "has a brace that is no placeholder"),
        ("spec.tiers[0].caps", [], "can never be climbed"),
        ("spec.cache.ttl", "0h", "an answer must live for a time"),
        ("spec.cache.bypass", ["ToolCalls", "ToolCalls"], "is given twice in this list"),
        ("spec.routing.rules[0].when", {}, "holds for every request"),
        ("spec.routing.rules[0].when.minPromptTokens", 201, "is above maxPromptTokens"),
        ("spec.routing.rules[0].use", "huge", "is not in spec.models"),
        ("spec.routing.fallback.after", ["Timeout", "Timeout"], "is given twice in this list"),
        ("spec.routing.fallback.firstByteWithin", "0s", "an answer must be given time to begin"),
    ],
)
def test_it_is_told(path: str, value: object, said: str) -> None:
    parsed = read(changed(path, value))

    assert parsed.policies == ()
    assert len(parsed.problems) == 1
    assert parsed.problems[0].message.startswith(said)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("spec.tiers[0].caps[0].window", ["spec.tiers[0].caps[0].window"]),
        ("spec.tiers[0].ladder[1].model", ["spec.tiers[0].ladder[1].model"]),
        ("spec.tiers[0].ladder[2].text", ["spec.tiers[0].ladder[2].text"]),
        ("spec.identity.user", ["spec.tiers[0].caps[0].per", "spec.cache.scope"]),
        ("spec.identity.tier", ["spec.tiers[1].name"]),
        ("spec.tiers", ["spec.identity.tier.default"]),
        ("spec.models", ["spec.aliases.auto"] * 2 + ["spec.aliases.best", "spec.tiers[0].ladder[1].model"]
         + ["spec.routing.rules[0].use", "spec.routing.fallback"]),
    ],
)  # fmt: skip
def test_what_is_needed_elsewhere_cannot_be_left_out(path: str, told: list[str]) -> None:
    assert [problem.path for problem in read(removed(path)).problems] == told


def test_two_caps_with_one_subject_and_window_are_told() -> None:
    cap = {"per": "Policy", "window": "Day", "limitUSD": "1"}
    problems = read(minimal("p", tiers=[{"name": "a", "caps": [cap, cap]}])).problems

    assert [problem.path for problem in problems] == ["spec.tiers[0].caps[1].per"]


def test_a_session_cap_needs_no_session_header() -> None:
    caps = [{"per": "Session", "limitUSD": "1"}]

    assert read(minimal("p", tiers=[{"name": "a", "caps": caps}])).problems == ()


@pytest.mark.parametrize("name", ["cap", "limit", "spent", "resetsAt", "tier", "policy", "owner", "contact"])
def test_every_placeholder_is_allowed(name: str) -> None:
    assert read(changed("spec.tiers[0].ladder[2].text", f"a {{{name}}} b {{{name}}}")).problems == ()
