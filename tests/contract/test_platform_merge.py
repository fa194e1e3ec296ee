"""What teams' policies become under the platform's: defaults fill in, overrides replace, caps add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costward_contract.attachment import Facts, target
from costward_contract.compiler import Verdict, compile_policies
from costward_contract.snapshot import Cap, MicroUSD, Policy, Snapshot

from tests.fakes.policy_documents import RICH, accepted, accepted_platform, minimal, platform

MODELS = [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}]
DAY = {"per": "Workload", "window": "Day", "limitUSD": "10"}


def compiled(
    teams: list[dict[str, object]], *platforms: dict[str, object], facts: Facts | None = None
) -> tuple[Snapshot, dict[str, Verdict]]:
    snapshot, verdicts = compile_policies(accepted(*teams) if teams else (), accepted_platform(*platforms), facts)
    return snapshot, {verdict.ref: verdict for verdict in verdicts}


def governing(snapshot: Snapshot, namespace: str = "default") -> Policy:
    return next(policy for policy in snapshot.policies if policy.namespace == namespace)


def tiers(*caps: Mapping[str, object], name: str = "any", **more: object) -> dict[str, object]:
    return {"tiers": [{"name": name, "caps": list(caps), **more}]}


def test_defaults_hold_where_the_team_is_silent() -> None:
    snapshot, verdicts = compiled(
        [minimal("p", cache={"ttl": "1h"})],
        platform(defaults={"cache": {"ttl": "2h"}, "models": MODELS, "unpriced": "Refuse"}),
    )
    policy = governing(snapshot)

    assert policy.cache.ttl_s == 3600
    assert [rung.name for rung in policy.models] == ["small", "large"]
    assert policy.unpriced == "Refuse"
    assert verdicts["default/p"].ancestors[0].overridden_by == ()


def test_what_a_team_says_in_so_many_words_is_no_default() -> None:
    snapshot, _ = compiled([minimal("p", unpriced="Pass", models=[])], platform(defaults={"unpriced": "Refuse"}))

    assert governing(snapshot).unpriced == "Pass"


def test_a_default_that_cannot_stand_with_the_team_is_left_out() -> None:
    rule = {"rules": [{"when": {"tools": True}, "use": "large"}]}
    snapshot, verdicts = compiled(
        [minimal("p", models=MODELS[:1])], platform(defaults={"models": MODELS, "routing": rule})
    )

    assert governing(snapshot).routing.rules == ()
    assert verdicts["default/p"].accepted


def test_overrides_replace_and_say_so() -> None:
    snapshot, verdicts = compiled(
        [minimal("p", cache={"mode": "Enforce"}), minimal("silent", "other")],
        platform(overrides={"cache": {"mode": "Off"}, "failurePolicy": "Closed"}),
    )
    told = verdicts["default/p"].ancestors[0]

    assert (governing(snapshot).cache.mode, governing(snapshot).failure_policy) == ("Off", "Closed")
    assert (told.accepted, told.overridden_by) == (True, ("platform",))
    assert told.message == "parts of it are overridden by ClusterCostPolicy platform"
    assert verdicts["other/silent"].ancestors[0].overridden_by == ()


def test_a_team_that_cannot_stand_with_an_override_falls_to_the_platform() -> None:
    snapshot, verdicts = compiled([dict(RICH)], platform(overrides={"models": MODELS[1:], **tiers(DAY)}))
    policy = governing(snapshot, "shop")

    assert policy.ref == "shop/platform.cluster"
    assert [cap.scope for cap in policy.tiers[0].caps] == ["platform"]
    assert (verdicts["shop/rich"].accepted, verdicts["shop/rich"].reason) == (False, "Conflicted")
    assert "ClusterCostPolicy platform overrides parts of it" in verdicts["shop/rich"].message
    assert "spec.routing.rules[0].use: is not in spec.models" in verdicts["shop/rich"].message


def test_caps_of_overrides_are_added_and_count_over_all_policies() -> None:
    own = {"per": "User", "window": "Day", "limitUSD": "1"}
    user = {"user": {"header": "x-user", "trustedFrom": ["web"]}}
    snapshot, _ = compiled(
        [minimal("p", identity=user, tiers=[{"name": "free", "caps": [own]}])], platform(overrides=tiers(DAY))
    )

    assert governing(snapshot).tiers[0].caps == (
        Cap("free/User/Day", "User", "Day", MicroUSD(1_000_000)),
        Cap("platform/any/Workload/Day", "Workload", "Day", MicroUSD(10_000_000), scope="platform"),
    )


def test_of_the_same_cap_the_tighter_one_wins() -> None:
    def limits(own: str) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
        cap = {**DAY, "limitUSD": own}
        snapshot, verdicts = compiled([minimal("p", **tiers(cap, name="t"))], platform(overrides=tiers(DAY)))
        caps = [(cap.scope, cap.limit // 1_000_000) for cap in governing(snapshot).tiers[0].caps]
        return caps, verdicts["default/p"].ancestors[0].overridden_by

    assert limits("20") == limits("10") == ([("platform", 10)], ("platform",))
    # The platform's stays beside it: it counts what other policies let through.
    assert limits("5") == ([("", 5), ("platform", 10)], ())


def test_a_new_name_for_a_tier_lifts_no_cap() -> None:
    spec: dict[str, Any] = {
        "tiers": [{"name": "free", "caps": [DAY]}, {"name": "pro", "caps": [{**DAY, "limitUSD": "99"}]}],
        "identity": {"tier": {"header": "x-tier", "trustedFrom": ["web"]}},
    }
    snapshot, _ = compiled(
        [minimal("p", tiers=[{"name": "pro"}, {"name": "vip"}], identity=spec["identity"])], platform(overrides=spec)
    )

    assert [(tier.name, tier.caps[0].id) for tier in governing(snapshot).tiers] == [
        ("pro", "platform/pro/Workload/Day"),
        ("vip", "platform/free/Workload/Day"),
    ]


def test_a_platform_cap_per_tier_is_one_budget_for_all_tiers_under_it() -> None:
    cap = {"per": "Tier", "window": "Day", "limitUSD": "1"}
    snapshot, _ = compiled([minimal("p", **tiers(name="a"))], platform(overrides=tiers(cap)))

    assert governing(snapshot).tiers[0].caps == (
        Cap("platform/any/Tier/Day", "Policy", "Day", MicroUSD(1_000_000), scope="platform"),
    )


def test_where_nobody_declares_tiers_the_platforms_tell_its_caps_apart() -> None:
    spec: dict[str, Any] = {
        "tiers": [{"name": "free", "caps": [DAY]}, {"name": "pro", "caps": [{**DAY, "limitUSD": "99"}]}],
        "identity": {"tier": {"header": "x-tier", "trustedFrom": ["web"], "default": "free"}},
    }
    snapshot, _ = compiled([minimal("p")], platform(overrides=spec))

    assert [(tier.name, tier.caps[0].limit) for tier in governing(snapshot).tiers] == [
        ("free", 10_000_000),
        ("pro", 99_000_000),
    ]


def test_a_ladder_of_overrides_counts_where_its_rungs_are_there() -> None:
    steps: dict[str, Any] = {
        "ladder": [{"at": "50%", "action": "UseModel", "model": "small"}],
        "onLedgerFailure": "Closed",
    }
    teams = [minimal("with", models=MODELS), minimal("without", "other", models=[{"name": "x", "model": "y"}])]
    source = {"models": MODELS, **tiers(DAY, **steps)}
    snapshot, verdicts = compiled(teams, platform("a", overrides={"models": MODELS}), platform("b", overrides=source))

    assert [step.rung for step in governing(snapshot).tiers[0].ladder] == ["small"]
    assert governing(snapshot).tiers[0].on_ledger_failure == "Closed"
    assert verdicts["other/without"].accepted


def test_a_namespace_without_a_policy_is_the_platforms() -> None:
    facts = Facts({target("Namespace", "", name): frozenset() for name in ("a", "b", "default")})
    snapshot, _ = compiled([minimal("p")], platform(overrides=tiers(DAY), defaults={"models": MODELS}), facts=facts)

    assert [policy.ref for policy in snapshot.policies] == [
        "default/p", "a/platform.cluster", "b/platform.cluster", "default/platform.cluster",
    ]  # fmt: skip
    assert {policy.tiers[0].caps[0].scope for policy in snapshot.policies} == {"platform"}
    assert governing(snapshot, "a").owner.team == "platform"


def test_a_platform_policy_for_one_namespace_reaches_no_other() -> None:
    refs = [{"kind": "Namespace", "name": "default"}]
    snapshot, _ = compiled([minimal("p"), minimal("q", "other")], platform(overrides=tiers(DAY), targetRefs=refs))

    assert [(policy.ref, len(policy.tiers[0].caps)) for policy in snapshot.policies] == [
        ("default/p", 1), ("other/q", 0), ("default/platform.cluster", 1),
    ]  # fmt: skip


def test_a_platform_policy_for_a_destination_counts_there_alone() -> None:
    service = target("Service", "shop", "llm")
    refs = [{"kind": "Service", "namespace": "shop", "name": "llm"}]
    snapshot, verdicts = compiled(
        [minimal("p", "shop", targetRefs=[{"kind": "Service", "name": "llm"}]), minimal("q", "shop")],
        platform(overrides=tiers(DAY), targetRefs=refs),
        platform("lost", overrides=tiers(DAY), targetRefs=[{**refs[0], "name": "gone"}]),
        facts=Facts({service: frozenset()}),
    )

    assert [len(policy.tiers[0].caps) for policy in snapshot.policies] == [0]
    assert [(d.targets, d.policy.ref, len(d.policy.tiers[0].caps)) for d in snapshot.destinations] == [
        ((service,), "shop/p", 1),
        ((service,), "shop/platform.cluster", 1),
    ]
    assert verdicts["lost"].reason == "TargetNotFound"


def test_between_platform_policies_the_winner_is_named() -> None:
    _, verdicts = compiled(
        [],
        platform("winner", priority=1, overrides={"unpriced": "Refuse"}, defaults={"cache": {}}),
        platform("loser", overrides={"unpriced": "Pass"}),
        platform("half", overrides={"unpriced": "Pass", "failurePolicy": "Closed"}),
        platform("adds", overrides=tiers(DAY)),
        platform("late", defaults={"unpriced": "Pass", "cache": {"mode": "Off"}}),
    )

    def told(name: str) -> tuple[bool, str, tuple[str, ...]]:
        (ancestor,) = verdicts[name].ancestors
        return ancestor.accepted, ancestor.reason, ancestor.overridden_by

    assert told("winner") == (True, "Accepted", ())
    assert told("loser") == (False, "Conflicted", ("winner",))
    assert told("half") == (True, "Accepted", ("winner",))
    assert told("adds") == (True, "Accepted", ())
    assert told("late") == (False, "Conflicted", ("winner",))


def test_platform_policies_that_contradict_each_other_harm_no_team() -> None:
    """The later one's rules need its own models; without them they are left out, and its caps stay."""
    rule = {"rules": [{"when": {"tools": True}, "use": "huge"}]}
    later = {"models": [{"name": "huge", "model": "gpt-6"}], "routing": rule, **tiers(DAY)}
    snapshot, verdicts = compiled(
        [minimal("p", models=MODELS)],
        platform("first", priority=1, overrides={"models": MODELS}),
        platform("later", overrides=later),
    )

    assert verdicts["default/p"].accepted
    assert governing(snapshot).routing.rules == ()
    assert [cap.scope for cap in governing(snapshot).tiers[0].caps] == ["later"]
    assert verdicts["later"].ancestors[0].overridden_by == ("first",)
