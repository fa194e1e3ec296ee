"""Shares with their uncertainty, and percentiles: a hit rate of 200 requests is not one of 20,000."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`, with the interval that holds the true share in 95 of 100 such samples."""

    count: int
    of: int
    share: float
    low: float
    high: float


def rate(count: int, of: int) -> Rate:
    """The share with Wilson's score interval, which stays true near 0 where `±` would go below it.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    It takes the requests as independent. Of nothing, nothing is known: from 0 to 1.
    """
    if of == 0:
        return Rate(count, of, 0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = count / of
    weight = 1 + z * z / of
    middle = (share + z * z / (2 * of)) / weight
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / weight
    # At the ends the formula is exact, but floating point is not.
    low = 0.0 if count == 0 else max(middle - half, 0.0)
    high = 1.0 if count == of else min(middle + half, 1.0)
    return Rate(count, of, share, low, high)


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, of so many answers."""

    count: int
    p50: float
    p95: float
    p99: float


def latency(seconds: Sequence[float]) -> Latency | None:
    """Percentiles by nearest rank: each is a time that was measured. None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p95, p99 = (round(_ranked(ordered, share) * 1000, 2) for share in (0.50, 0.95, 0.99))
    return Latency(len(ordered), p50, p95, p99)


def _ranked(ordered: Sequence[float], share: float) -> float:
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
