"""The arithmetic of a benchmark: figures of several rounds become a ratio, how far it spread, and a bar held or missed.

A shared machine's speed drifts from minute to minute, so a formula takes figures of one round together; its value is
that of the medians, and the quartiles over the rounds tell how far to trust it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Spread:
    middle: float
    low: float
    """First quartile over the rounds."""
    high: float
    """Third quartile."""


@dataclass(frozen=True, slots=True)
class Bar:
    what: str
    measured: Spread | None
    """None: a case that it needs gave no figures."""
    sign: Literal["<=", ">="]
    limit: float

    @property
    def held(self) -> bool:
        """By the middle; without a figure no bar is held."""
        if self.measured is None:
            return False
        middle = self.measured.middle
        return middle <= self.limit if self.sign == "<=" else middle >= self.limit

    @property
    def clear(self) -> bool:
        """Whether both quartiles stand on the middle's side of the limit."""
        if self.measured is None:
            return False
        low, high = self.measured.low, self.measured.high
        return (low <= self.limit) == (high <= self.limit) or self.limit in (low, high)


def over_rounds(formula: Callable[..., float], *series: Sequence[float]) -> Spread:
    """`series`: one sequence for each argument of `formula`, with as many figures as there were rounds, at least one.

    Raises ValueError if they differ in length.
    """
    each = [formula(*figures) for figures in zip(*series, strict=True)]
    return Spread(formula(*map(median, series)), _quantile(each, 0.25), _quantile(each, 0.75))


def spread(figures: Sequence[float]) -> Spread:
    return over_rounds(float, figures)


def adds_of(base: float, reference: float, measured: float) -> float:
    """What `measured` adds to `base`, as a share of what `reference` adds. Infinite where noise hides what that is."""
    return (measured - base) / (reference - base) if reference > base else math.inf


def in_units(base: float, measured: float, unit: float) -> float:
    """What `measured` adds to `base`, in `unit`s."""
    return (measured - base) / unit


def share(measured: float, reference: float) -> float:
    return measured / reference


def difference(measured: float, base: float) -> float:
    return measured - base


def percentile(figures: Sequence[float], rank: float) -> float:
    """Of any number of figures but none; `rank` from 0 to 1."""
    return _quantile(figures, rank)


def _quantile(figures: Sequence[float], rank: float) -> float:
    """One of the figures themselves: between a number and infinity there is nothing to interpolate."""
    ordered = sorted(figures)
    return ordered[max(math.ceil(rank * len(ordered)) - 1, 0)]
