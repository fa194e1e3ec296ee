"""Shares with Wilson's interval, and percentiles by nearest rank."""

from __future__ import annotations

import pytest
from costward_cli.replay.rates import Latency, latency, rate
from hypothesis import given
from hypothesis import strategies as st

SAMPLES = st.integers(1, 100_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(SAMPLES)
def test_the_interval_is_wilsons(sample: tuple[int, int]) -> None:
    """Its ends are the true shares from which the sample lies 1.96 of their own standard errors away."""
    found = rate(*sample)

    for end in (found.low, found.high):
        far = (found.share - end) ** 2
        assert far == pytest.approx(1.959964**2 * end * (1 - end) / found.of, rel=1e-4, abs=1e-9)


def test_ten_of_a_hundred() -> None:
    found = rate(10, 100)

    assert [round(end, 4) for end in (found.low, found.high)] == [0.0552, 0.1744]


@given(SAMPLES)
def test_the_interval_holds_the_share_and_stays_a_share(sample: tuple[int, int]) -> None:
    found = rate(*sample)

    assert 0 <= found.low <= found.share <= found.high <= 1


@given(SAMPLES)
def test_ten_times_the_sample_says_more(sample: tuple[int, int]) -> None:
    count, of = sample
    few, many = rate(count, of), rate(count * 10, of * 10)

    assert many.high - many.low < few.high - few.low


def test_of_nothing_nothing_is_known() -> None:
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)


def test_percentiles_are_times_that_were_measured() -> None:
    assert latency([number / 1000 for number in range(100, 0, -1)]) == Latency(100, 50.0, 95.0, 99.0)
    assert latency([0.25]) == Latency(1, 250.0, 250.0, 250.0)
    assert latency([]) is None
