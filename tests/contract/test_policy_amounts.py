"""Amounts become exact integers, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from costward_contract.quantities import micro_usd, percent_ppm, seconds, similarity_ppm
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("read", "text", "amount"),
    [
        (micro_usd, "0.50", 500_000),
        (micro_usd, "2000", 2_000_000_000),
        (micro_usd, "0.000001", 1),
        (micro_usd, "999999999.999999", 999_999_999_999_999),
        (percent_ppm, "80%", 800_000),
        (percent_ppm, "0.0001%", 1),
        (percent_ppm, "100%", 1_000_000),
        (similarity_ppm, "0.95", 950_000),
        (similarity_ppm, "1", 1_000_000),
        (seconds, "24h", 86_400),
        (seconds, "1h30m5s", 5_405),
        (seconds, "0s", 0),
    ],
)
def test_amounts_are_exact(read: Callable[[str], int], text: str, amount: int) -> None:
    assert read(text) == amount


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (micro_usd, "1e3"),
        (micro_usd, "-1"),
        (micro_usd, "$1"),
        (micro_usd, "01"),
        (micro_usd, "0.0000001"),
        (micro_usd, "1.5\n"),
        (micro_usd, "٣"),
        (percent_ppm, "80"),
        (percent_ppm, "1000%"),
        (similarity_ppm, "0.49"),
        (similarity_ppm, "1.1"),
        (seconds, "24"),
        (seconds, "1d"),
        (seconds, "1ms"),
        (seconds, ""),
    ],
)
def test_everything_else_is_refused(read: Callable[[str], int], text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        read(text)


@settings(deadline=None)
@given(st.decimals(min_value=0, max_value=999_999_999, places=6, allow_nan=False))
def test_dollars_are_never_rounded(amount: Decimal) -> None:
    assert micro_usd(f"{amount:f}") == amount * 1_000_000
