"""Equal parts become one object, and nothing that differs does."""

from __future__ import annotations

import json

from costward_operator.core.shared import Shared
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "True"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from("abc"), parts, max_size=3),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=6))
def test_what_is_shared_says_the_same(values: list[object]) -> None:
    shared = Shared()

    # As text: to Python 1 is True.
    assert [json.dumps(shared.one(value)) for value in values] == [json.dumps(value) for value in values]


def test_equal_parts_are_one_object() -> None:
    shared = Shared()

    one = shared.one({"conditions": [{"type": "Ready", "at": "10:00"}], "generation": 1})
    other = shared.one({"conditions": [{"type": "Ready", "at": "10:00"}], "generation": 2})

    assert one is not other
    assert one["conditions"] is other["conditions"]
    assert one is shared.one({"conditions": [{"type": "Ready", "at": "10:00"}], "generation": 1})
