"""A cap that the platform adds counts in one place for every policy, so that a second policy is no way around it."""

from __future__ import annotations

from dataclasses import replace

from costward_contract.snapshot import Policy
from costward_extproc.core.events import Stand

from tests.fakes.world import World, chat, policy, tier


def _of(name: str, scope: str) -> Policy:
    default = tier(per="Workload")
    return policy(name=name, tiers=(replace(default, caps=(replace(default.caps[0], scope=scope),)),))


def _key(charged: Policy) -> str:
    (charge,) = World.of(charged).ask(chat()).only(Stand).charges
    key: str = charge.key
    return key


def test_policies_share_the_counter_of_a_platform_cap() -> None:
    assert _key(_of("one", "platform/budget")) == _key(_of("other", "platform/budget"))
    assert _key(_of("one", "platform/budget")).startswith("cw1:{platform/budget}:cap:")


def test_a_policys_own_cap_counts_for_itself() -> None:
    assert _key(_of("one", "")) != _key(_of("other", ""))
