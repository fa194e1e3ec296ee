"""Twenty seconds of `make fuzz` in every run of the tests, spread over all targets."""

from __future__ import annotations

import time

import pytest
from hypothesis import strategies as st

from tests.fuzz.explore import explore, grow
from tests.fuzz.target import FOUND, Target
from tests.fuzz.targets import TARGETS

SECONDS = 20
"""In total."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_new_inputs(target: Target) -> None:
    until = time.monotonic() + SECONDS / len(TARGETS)
    _, found = explore(target, until, chosen=int(time.time()))
    if found is not None:
        where = target.keep(found.data, FOUND)
        pytest.fail(f"{found.data[:200]!r} (kept as {where})\n{found.story}", pytrace=False)


def test_a_reader_that_fails_is_found_and_its_input_made_small() -> None:
    def refuses(data: bytes) -> None:
        assert b"}" not in data, "a brace"

    broken = Target("broken", refuses, st.binary(max_size=9), (b"an opening { and nothing more",))
    _, found = explore(broken, time.monotonic() + 20)
    assert found is not None
    assert found.data == b"}"
    assert "a brace" in found.story


def test_a_reader_whose_time_grows_too_fast_is_found() -> None:
    spent = 0.0

    def quadratic(data: bytes) -> None:
        nonlocal spent
        spent += len(data) ** 2 * 1e-9

    slow = Target("slow", quadratic, st.binary(), (b"seed",))
    _, found = grow(slow, time.monotonic() + 20, clock=lambda: spent)
    assert found is not None
    assert "bytes take" in found.story


def test_a_reader_whose_time_grows_as_its_input_does_is_left_alone() -> None:
    spent = 0.0

    def linear(data: bytes) -> None:
        nonlocal spent
        spent += len(data) * 1e-5

    tried, found = grow(Target("linear", linear, st.binary(), (b"seed",)), time.monotonic() + 0.2, clock=lambda: spent)
    assert found is None
    assert tried > 1
