"""A compilation that remembers the one before gives what one without memory gives, and works out only what changed."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.compiler import compile_policies
from costward_contract.memory import Memory
from costward_contract.policy import CostPolicy
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.policy_documents import RICH, accepted, minimal, platform

CAPS = {"tiers": [{"name": "any", "caps": [{"per": "Policy", "window": "Day", "limitUSD": "7"}]}]}
TEAMS = [
    CostPolicy.model_validate(minimal("a", "shop")),
    CostPolicy.model_validate(minimal("a", "shop", priority=3)),
    CostPolicy.model_validate(minimal("b", "shop", unpriced="Refuse")),
    CostPolicy.model_validate(minimal("c", "bank", cache={"mode": "Enforce"})),
    CostPolicy.model_validate(minimal("bad", "bank", routing={"fallback": {"after": ["Timeout"]}})),
]
PLATFORMS = [
    ClusterCostPolicy.model_validate(platform("caps", overrides=CAPS)),
    ClusterCostPolicy.model_validate(platform("refuse", defaults={"unpriced": "Refuse"})),
    ClusterCostPolicy.model_validate(platform("off", overrides={"cache": {"mode": "Off"}})),
]
ROUND = st.tuples(
    st.lists(st.sampled_from(TEAMS), unique_by=id),
    st.lists(st.sampled_from(PLATFORMS), unique_by=id),
)


@given(st.lists(ROUND, min_size=1, max_size=5))
def test_what_is_remembered_changes_nothing(
    rounds: list[tuple[list[CostPolicy], list[ClusterCostPolicy]]],
) -> None:
    memory = Memory()
    for teams, platforms in rounds:
        assert compile_policies(teams, platforms, memory=memory) == compile_policies(teams, platforms)


@pytest.mark.parametrize("document", [RICH, minimal("a"), minimal("b", "shop", unpriced="Refuse")])
def test_what_was_read_without_problems_need_not_be_checked_again(document: Mapping[str, object]) -> None:
    policies = accepted(document)

    assert compile_policies(policies, memory=Memory(read_strictly=True)) == compile_policies(policies)


def test_what_was_not_read_strictly_is_checked() -> None:
    (bad,) = (policy for policy in TEAMS if policy.metadata.name == "bad")

    assert not compile_policies([bad], memory=Memory())[1][0].accepted


def test_what_is_gone_is_forgotten() -> None:
    memory = Memory()
    compile_policies(TEAMS, memory=memory)
    compile_policies(TEAMS[:1], memory=memory)
    compile_policies(TEAMS[:1], memory=memory)

    assert memory.size == 1


def test_one_change_among_many_costs_little_of_the_whole() -> None:
    many = [CostPolicy.model_validate(minimal(f"p{number}", f"n{number}")) for number in range(400)]
    memory = Memory()
    first = _cpu_s(many, memory)
    many[7] = CostPolicy.model_validate(minimal("p7", "n7", priority=7))

    # Sealing is done anew each time; half leaves room for a busy machine.
    assert min(_cpu_s(many, memory) for _ in range(3)) < first / 2


def _cpu_s(policies: list[CostPolicy], memory: Memory) -> float:
    began = time.process_time()
    compile_policies(policies, memory=memory)
    return time.process_time() - began
