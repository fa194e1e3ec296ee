"""Conditions move their moment only with their status, and merge to the same thing again and again."""

from __future__ import annotations

from costward_operator.core.conditions import MESSAGE_LIMIT, TYPES, Condition, Reason, merge, read_conditions
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.apiserver_objects import LATER, NOW

CONDITIONS = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(TYPES),
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=st.sampled_from(Reason),
        message=st.text(max_size=20),
        observed_generation=st.integers(0, 5),
    ),
    max_size=5,
    unique_by=lambda condition: condition.type,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "status", "reason"]) | st.text(), inner),
    max_leaves=8,
)


def accepted(status: str, message: str = "") -> Condition:
    return Condition("Accepted", "True" if status == "True" else "False", Reason.ACCEPTED, message, 1)


def test_every_known_type_is_there_from_the_first_visit() -> None:
    merged = merge((), [accepted("True")], NOW)

    assert [(c.type, c.status) for c in merged] == [(t, "True" if t == "Accepted" else "Unknown") for t in TYPES]


def test_the_moment_stays_while_the_status_stays() -> None:
    before = merge((), [accepted("True")], NOW)

    after = merge(before, [accepted("True", "other words")], LATER)

    assert {c.last_transition_time for c in after} == {NOW}
    assert after[0].message == "other words"


def test_the_moment_moves_with_the_status() -> None:
    before = merge((), [accepted("True")], NOW)

    after = merge(before, [accepted("False")], LATER)

    assert [c.last_transition_time for c in after] == [LATER, *[NOW] * 4]


def test_a_long_message_is_cut() -> None:
    (first, *_) = merge((), [accepted("True", "x" * 5_000)], NOW)

    assert len(first.message) == MESSAGE_LIMIT


@given(CONDITIONS, CONDITIONS)
def test_merging_again_changes_nothing(before: list[Condition], wanted: list[Condition]) -> None:
    once = merge(merge((), before, NOW), wanted, LATER)

    assert merge(once, wanted, "2027-01-01T00:00:00Z") == once


@given(CONDITIONS)
def test_what_is_written_is_read_back(wanted: list[Condition]) -> None:
    merged = merge((), wanted, NOW)

    assert read_conditions([condition.body() for condition in merged]) == merged


@given(JSON)
def test_anything_can_stand_in_a_status(listed: object) -> None:
    assert len(read_conditions(listed)) <= len(TYPES)
