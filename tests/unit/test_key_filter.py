"""The filter never denies what was added, and nearly always denies what was not."""

from __future__ import annotations

from costward_extproc.adapters.key_filter import KeyFilter
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.tuples(st.text(), st.text()), max_size=50))
def test_what_was_added_may_be_there(keys: list[tuple[str, str]]) -> None:
    filter_ = KeyFilter()
    for partition, key in keys:
        filter_.add(partition, key)
    assert all(filter_.may_hold(partition, key) for partition, key in keys)


def test_what_was_not_added_is_denied() -> None:
    filter_ = KeyFilter()
    for n in range(10_000):
        filter_.add("p", f"k{n}")
    assert sum(filter_.may_hold("q", f"k{n}") for n in range(10_000)) <= 5
