"""Whatever teams write: the same policies in any order give the same bytes, a bad one harms only itself, and no cap of
the platform can be lifted."""

from __future__ import annotations

import json
from typing import Any

from costward_contract.attachment import Facts, target
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.codec import decode, encode
from costward_contract.compiler import compile_policies
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import Policy, Snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.policy_documents import minimal, platform

MODELS = [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}]
USER = {"user": {"header": "x-user", "trustedFrom": ["web"]}}
TIER = {"tier": {"header": "x-tier", "trustedFrom": ["web"]}}
CAPS = st.lists(
    st.fixed_dictionaries(
        {
            "per": st.sampled_from(["Workload", "Policy", "Tier", "User"]),
            "window": st.sampled_from(["Day", "Month"]),
            "limitUSD": st.sampled_from(["1", "5", "10"]),
        }
    ),
    max_size=3,
    unique_by=lambda cap: (cap["per"], cap["window"]),
)
TIERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["free", "pro", "any"]), "caps": CAPS},
        optional={"ladder": st.just([{"at": "50%", "action": "UseModel", "model": "small"}])},
    ),
    max_size=2,
    unique_by=lambda tier: str(tier["name"]),
)
BLOCKS = st.fixed_dictionaries(
    {},
    optional={
        "models": st.sampled_from([MODELS, MODELS[:1], []]),
        "identity": st.sampled_from([USER, TIER, {**USER, **TIER}]),
        "tiers": TIERS,
        "cache": st.sampled_from([{"mode": "Off"}, {"scope": "User"}]),
        "routing": st.sampled_from([{"mode": "Enforce"}, {"rules": [{"when": {"tools": True}, "use": "large"}]}]),
        "unpriced": st.sampled_from(["Pass", "Refuse"]),
    },
)
NAMESPACES = ("a", "b")
SERVICES = [{"kind": "Service", "name": "llm"}]
FACTS = Facts(
    {**{target("Namespace", "", name): frozenset() for name in NAMESPACES}, target("Service", "a", "llm"): frozenset()}
)


def meta(document: dict[str, object], created: str | None) -> dict[str, object]:
    known = document["metadata"]
    assert isinstance(known, dict)
    return {**document, "metadata": {**known, "creationTimestamp": created}}


CREATED = st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
# Some of them break rules between their fields: they went past the parser, and the compiler must not fall over them.
TEAMS = st.builds(
    lambda name, namespace, block, more, created: CostPolicy.model_validate_json(
        json.dumps(meta(minimal(name, namespace, **block, **more), created))
    ),
    st.sampled_from(["p", "q", "r"]),
    st.sampled_from(NAMESPACES),
    BLOCKS,
    st.fixed_dictionaries(
        {},
        optional={
            "priority": st.sampled_from([-1, 1000]),
            "workloads": st.sampled_from([{"serviceAccounts": ["web"]}, {"serviceAccounts": ["bot", "web"]}]),
            "targetRefs": st.just(SERVICES),
        },
    ),
    CREATED,
)
PLATFORMS = st.builds(
    lambda name, blocks, more, created: ClusterCostPolicy.model_validate_json(
        json.dumps(meta(platform(name, **blocks, **more), created))
    ),
    st.sampled_from(["x", "y", "z"]),
    st.fixed_dictionaries({}, optional={"defaults": BLOCKS, "overrides": BLOCKS}),
    st.fixed_dictionaries(
        {},
        optional={
            "priority": st.sampled_from([-1, 1000]),
            "targetRefs": st.sampled_from([[{"kind": "Namespace", "name": "a"}], [{**SERVICES[0], "namespace": "a"}]]),
        },
    ),
    CREATED,
)
BAD_TEAM = CostPolicy.model_validate(minimal("bad", "a", routing={"fallback": {"after": ["Timeout"]}}, priority=1000))
BAD_PLATFORM = ClusterCostPolicy.model_validate(
    platform("bad", overrides={"cache": {"scope": "User"}, "unpriced": "Refuse"}, priority=1000)
)


@settings(deadline=None)
@given(st.lists(TEAMS, max_size=5), st.lists(PLATFORMS, max_size=3), st.data())
def test_the_order_of_the_input_does_not_matter(
    teams: list[CostPolicy], platforms: list[ClusterCostPolicy], data: st.DataObject
) -> None:
    snapshot, verdicts = compile_policies(teams, platforms, FACTS)
    shuffled = compile_policies(data.draw(st.permutations(teams)), data.draw(st.permutations(platforms)), FACTS)

    assert (encode(shuffled[0]), shuffled[1]) == (encode(snapshot), verdicts)
    assert decode(encode(snapshot)) == snapshot


@settings(deadline=None)
@given(st.lists(TEAMS, max_size=4), st.lists(PLATFORMS, max_size=2))
def test_a_bad_policy_harms_only_itself(teams: list[CostPolicy], platforms: list[ClusterCostPolicy]) -> None:
    snapshot, verdicts = compile_policies(teams, platforms, FACTS)
    with_bad = compile_policies([BAD_TEAM, *teams], [*platforms, BAD_PLATFORM], FACTS)

    assert encode(with_bad[0]) == encode(snapshot)
    assert [verdict for verdict in with_bad[1] if not verdict.ref.endswith("bad")] == list(verdicts)
    assert {verdict.reason for verdict in with_bad[1] if verdict.ref.endswith("bad")} == {"Invalid"}


CAPPED: dict[str, Any] = {"tiers": [{"name": "any", "caps": [{"per": "Policy", "window": "Day", "limitUSD": "7"}]}]}


@settings(deadline=None)
@given(st.lists(TEAMS, max_size=5), st.lists(PLATFORMS, max_size=2))
def test_no_cap_of_the_platform_can_be_lifted(teams: list[CostPolicy], others: list[ClusterCostPolicy]) -> None:
    """Every workload of every namespace is governed, and whatever governs it has the cap in each tier."""
    capping = ClusterCostPolicy.model_validate(platform("capping", overrides=CAPPED, priority=-1000))
    snapshot, _ = compile_policies(teams, [*others, capping], FACTS)

    for namespace in NAMESPACES:
        for account in ("web", "bot", "other"):
            governing = first(snapshot, namespace, account)
            assert governing is not None
            assert [tier.name for tier in governing.tiers if not is_capped(tier.caps)] == []
    for destination in snapshot.destinations:
        assert all(is_capped(tier.caps) for tier in destination.policy.tiers)


def is_capped(caps: Any) -> bool:
    return any((cap.scope, cap.per, cap.limit) == ("capping", "Policy", 7_000_000) for cap in caps)


def first(snapshot: Snapshot, namespace: str, account: str) -> Policy | None:
    """As a data plane chooses."""
    found = (policy for policy in snapshot.policies if policy.namespace == namespace)
    return next((p for p in found if not p.service_accounts or account in p.service_accounts), None)


@settings(deadline=None)
@given(st.lists(TEAMS, max_size=5), st.lists(PLATFORMS, max_size=3))
def test_what_is_in_the_snapshot_can_be_decided_by(teams: list[CostPolicy], platforms: list[ClusterCostPolicy]) -> None:
    """Names that are used exist, and each cap has a counter of its own."""
    snapshot, _ = compile_policies(teams, platforms, FACTS)
    policies = [*snapshot.policies, *(destination.policy for destination in snapshot.destinations)]

    for policy in policies:
        rungs = {rung.name for rung in policy.models}
        assert policy.tiers
        assert {rule.use for rule in policy.routing.rules} <= rungs
        for tier in policy.tiers:
            assert {step.rung for step in tier.ladder} - {None} <= rungs
            assert len({(cap.scope, cap.id) for cap in tier.caps}) == len(tier.caps)
            assert len({cap.id for cap in tier.caps}) == len(tier.caps)
