"""The same policies in any order give the same bytes, and precedence is as documented."""

from __future__ import annotations

from costward_contract.codec import encode
from costward_contract.compiler import compile_policies
from costward_contract.policy import CostPolicy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.policy_documents import accepted, minimal


def placed(name: str, namespace: str, priority: int, created: str | None, team: str = "t") -> dict[str, object]:
    document = minimal(name, namespace, priority=priority, owner={"team": team})
    document["metadata"] = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return document


POLICIES = accepted(
    placed("z", "b", 10, None),
    placed("y", "b", 0, "2026-01-01T00:00:00Z"),
    placed("a", "b", 0, "2026-01-02T00:00:00Z"),
    placed("a", "a", 0, None),
    placed("b", "a", 0, None),
    placed("c", "a", -1, "2020-01-01T00:00:00Z"),
    # One name twice, alike but for the content: still one order.
    placed("d", "a", -2, None, "t1"),
    placed("d", "a", -2, None, "t2"),
)


def test_priority_then_age_then_name() -> None:
    snapshot, _ = compile_policies(POLICIES)

    assert [policy.ref for policy in snapshot.policies] == ["b/z", "b/y", "b/a", "a/a", "a/b", "a/c", "a/d"]


def test_the_second_of_one_name_is_a_conflict() -> None:
    _, verdicts = compile_policies(POLICIES)

    assert [(verdict.ref, verdict.reason) for verdict in verdicts if not verdict.accepted] == [("a/d", "Conflicted")]
    assert len(verdicts) == len(POLICIES)


@settings(deadline=None)
@given(st.permutations(POLICIES))
def test_input_order_does_not_matter(shuffled: list[CostPolicy]) -> None:
    snapshot, verdicts = compile_policies(shuffled)
    expected, expected_verdicts = compile_policies(POLICIES)

    assert encode(snapshot) == encode(expected)
    assert (snapshot.hash, verdicts) == (expected.hash, expected_verdicts)


def test_no_policies_are_a_snapshot_too() -> None:
    snapshot, verdicts = compile_policies(())

    assert snapshot.policies == ()
    assert snapshot.hash.startswith("sha256:")
    assert verdicts == ()
