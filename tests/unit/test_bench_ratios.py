"""The benchmark's arithmetic: ratios of medians, their quartiles, and when a bar is held."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from tests.bench.ratios import Bar, Spread, adds_of, in_units, over_rounds, percentile, share, spread


def test_a_ratio_is_of_medians_and_its_quartiles_are_of_rounds() -> None:
    measured, reference = [2.0, 4.0, 9.0, 6.0, 20.0], [1.0, 2.0, 3.0, 3.0, 4.0]

    found = over_rounds(share, measured, reference)

    assert found == Spread(6.0 / 3.0, 2.0, 3.0)


def test_a_slow_minute_that_meets_both_alike_does_not_spread_a_ratio() -> None:
    assert over_rounds(share, [2.0, 8.0, 4.0], [1.0, 4.0, 2.0]) == Spread(2.0, 2.0, 2.0)


def test_one_round_has_no_spread() -> None:
    assert spread([0.7]) == Spread(0.7, 0.7, 0.7)


def test_rounds_that_differ_in_number_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        over_rounds(share, [1.0, 2.0], [1.0])


def test_what_is_added_is_told_in_what_the_no_op_adds() -> None:
    assert adds_of(base=1.0, reference=3.0, measured=4.0) == 1.5


@pytest.mark.parametrize("reference", [1.0, 0.9])
def test_a_no_op_that_seems_to_add_nothing_makes_no_ratio(reference: float) -> None:
    assert adds_of(base=1.0, reference=reference, measured=4.0) == math.inf


def test_a_round_lost_to_noise_does_not_spoil_the_others() -> None:
    found = over_rounds(adds_of, [1.0, 1.0, 1.0], [2.0, 0.5, 2.0], [2.5, 2.5, 2.5])

    assert found == Spread(1.5, 1.5, math.inf)


def test_a_difference_is_told_in_units() -> None:
    assert in_units(base=2.0, measured=5.0, unit=1.5) == 2.0


@pytest.mark.parametrize(("rank", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_percentile_is_one_of_the_figures(rank: float, expected: float) -> None:
    assert percentile([3.0, 1.0, 4.0, 2.0], rank) == expected


@pytest.mark.parametrize(
    ("middle", "sign", "held"),
    [(1.3, "<=", True), (1.31, "<=", False), (0.65, ">=", False), (1.4, ">=", True), (math.inf, "<=", False)],
)
def test_a_bar_is_held_up_to_its_limit(middle: float, sign: Literal["<=", ">="], held: bool) -> None:
    assert Bar("what", spread([middle]), sign, 1.3).held is held


def test_a_bar_without_a_figure_is_not_held() -> None:
    assert not Bar("what", None, "<=", 1.0).held


@pytest.mark.parametrize(("low", "high", "clear"), [(0.8, 0.9, True), (1.1, 1.2, True), (0.9, 1.1, False)])
def test_a_bar_between_the_quartiles_is_not_clear(low: float, high: float, clear: bool) -> None:
    assert Bar("what", Spread((low + high) / 2, low, high), "<=", 1.0).clear is clear
