"""What a policy says arrives in the snapshot, in the snapshot's units."""

from __future__ import annotations

from costward_contract.compiler import compile_policies
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import (
    Alias,
    CachePolicy,
    Cap,
    FallbackPolicy,
    FixedThreshold,
    HeaderSource,
    Identity,
    LadderStep,
    MicroUSD,
    Owner,
    Policy,
    PriceOverride,
    RoutingPolicy,
    RoutingRule,
    Rung,
    Tier,
    When,
)

from tests.fakes.policy_documents import RICH, accepted, changed, minimal


def compiled(document: dict[str, object]) -> Policy:
    snapshot, _ = compile_policies(accepted(document))
    (policy,) = snapshot.policies
    return policy


def test_every_field_arrives() -> None:
    policy = compiled(dict(RICH))

    assert policy == Policy(
        namespace="shop",
        name="rich",
        generation=3,
        cache_epoch=policy.cache_epoch,
        owner=Owner("checkout", "#checkout"),
        priority=7,
        service_accounts=("bot", "web"),
        models=(
            Rung("small", "gpt-5-mini", PriceOverride(250_000, 2_000_000, 25_000)),
            Rung("middle", "gpt-5"),
            Rung("large", "gpt-5-pro"),
        ),
        aliases=(Alias("auto", ("small", "middle")), Alias("best", ("large",))),
        identity=Identity(
            user=HeaderSource("x-user-id", ("web",)),
            tier=HeaderSource("x-user-tier", ("web",), "free"),
            session_headers=("x-session-id", "x-thread"),
        ),
        tiers=(
            Tier(
                "free",
                (
                    Cap("free/User/Day", "User", "Day", MicroUSD(500_000)),
                    Cap("free/Session/Lifetime", "Session", "Lifetime", MicroUSD(2_000_000)),
                ),
                (
                    LadderStep(800_000, "Warn"),
                    LadderStep(905_000, "UseModel", rung="small"),
                    LadderStep(1_000_000, "Message", text="Used up until {resetsAt}.", deliver="Answer"),
                ),
                "Closed",
            ),
            Tier("pro"),
        ),
        cache=CachePolicy("Enforce", "User", 5_400, FixedThreshold(950_000), ("ToolCalls",)),
        routing=RoutingPolicy(
            "Enforce",
            True,
            (RoutingRule(When("Classification", False, 1, 200), "small"),),
            FallbackPolicy(("ServerError", "Timeout"), 90),
        ),
        failure_policy="Closed",
        unpriced="Refuse",
    )


def test_the_least_policy_observes_and_caps_nothing() -> None:
    policy = compiled(minimal("least"))

    assert policy.tiers == (Tier("default"),)
    assert policy.cache == CachePolicy("Observe", "Workload", 86_400, None, ("TimeSensitive", "ToolCalls"))
    assert policy.routing == RoutingPolicy("Observe", False, ())
    assert (policy.service_accounts, policy.failure_policy, policy.generation) == ((), "Open", 1)
    assert policy.unpriced == "Pass"


def test_answers_are_a_users_own_where_users_are_known() -> None:
    user = {"header": "x-user", "trustedFrom": ["web"]}

    assert compiled(minimal("p", identity={"user": user})).cache.scope == "User"
    assert compiled(minimal("p", identity={"user": user}, cache={"scope": "Tenant"})).cache.scope == "Tenant"


def test_the_cache_epoch_follows_what_answers_depend_on() -> None:
    before = compiled(dict(RICH)).cache_epoch
    same = [
        changed("spec.tiers[0].ladder[2].text", "Come back at {resetsAt}."),
        changed("spec.priority", 8),
        changed("spec.owner.team", "other"),
        changed("spec.routing.mode", "Observe"),
        changed("spec.cache.mode", "Observe"),
        changed("metadata.generation", 4),
        changed("spec.workloads.serviceAccounts", ["bot", "web"]),
    ]
    other = [
        changed("spec.cache.scope", "Tenant"),
        changed("spec.models[2].model", "gpt-6"),
        changed("spec.aliases.best", "middle"),
        changed("spec.identity.user.trustedFrom", ["web", "bot"]),
    ]

    assert {compiled(document).cache_epoch for document in same} == {before}
    assert len({before, *(compiled(document).cache_epoch for document in other)}) == 1 + len(other)
    assert len(before) == 16


def test_a_model_that_went_past_the_parser_harms_only_itself() -> None:
    bad = CostPolicy.model_validate(changed("spec.routing.rules[0].use", "huge"))
    snapshot, verdicts = compile_policies([bad, *accepted(minimal("good"))])

    assert [policy.ref for policy in snapshot.policies] == ["default/good"]
    assert [(verdict.ref, verdict.accepted, verdict.reason) for verdict in verdicts] == [
        ("shop/rich", False, "Invalid"),
        ("default/good", True, "Accepted"),
    ]
    assert verdicts[0].message == "spec.routing.rules[0].use: is not in spec.models"
