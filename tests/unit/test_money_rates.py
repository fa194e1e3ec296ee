"""A price is an integer, rounded up once, by the rates that hold for the exchange's length."""

from __future__ import annotations

from fractions import Fraction

from costward_extproc.core.money import Rates, Usage, cost
from hypothesis import given
from hypothesis import strategies as st

LONGER = Rates(6_000_000, 22_500_000, 600_000, 7_500_000)
LONGEST = Rates(9_000_000, 30_000_000, 900_000, 9_500_000)
RATES = Rates(3_000_000, 15_000_000, 300_000, 3_750_000, tiers=((200_000, LONGER), (500_000, LONGEST)))

TOKENS = st.integers(0, 10**6)
RATE = st.integers(0, 10**9)


def test_each_kind_of_token_has_its_rate() -> None:
    usage = Usage(input=100, output=10, cached_input=60, cache_write=30, reasoning=5)
    assert cost(usage, Rates(1_000_000, 100_000_000, 10_000_000, 1_000_000_000)) == 10 + 600 + 30_000 + 1_000


def test_a_cache_write_that_lasts_an_hour_has_a_rate_of_its_own() -> None:
    usage = Usage(input=100, cache_write=30, cache_write_1h=20)
    assert cost(usage, Rates(1_000_000, 0, 0, 1_250_000, 2_000_000)) == 70 + 13 + 40
    assert cost(usage, Rates(1_000_000, 0, 0, 1_250_000)) == 70 + 38
    more_than_all = Usage(input=100, cache_write=30, cache_write_1h=10**9)
    assert cost(more_than_all, Rates(1_000_000, 0, 0, 1_250_000, 2_000_000)) == 70 + 60


def test_rounding_up_happens_once() -> None:
    assert cost(Usage(1, 1), Rates(1, 1, 1, 1)) == 1
    assert cost(Usage(), RATES) == 0


def test_a_long_context_costs_its_own_rates_throughout() -> None:
    assert RATES.at(200_000) is RATES
    assert RATES.at(200_001) is LONGER
    assert RATES.at(500_001) is LONGEST
    assert cost(Usage(200_000, 1_000), RATES) == 615_000
    assert cost(Usage(200_001, 1_000), RATES) == 1_222_506


@given(st.builds(Rates, RATE, RATE, RATE, RATE, RATE), TOKENS, TOKENS, TOKENS, TOKENS, TOKENS)
def test_never_below_the_true_price_and_less_than_one_above(
    rates: Rates, plain: int, cached: int, written: int, hour: int, output: int
) -> None:
    usage = Usage(plain + cached + written + hour, output, cached, written + hour, cache_write_1h=hour)
    parts = (
        (plain, rates.input),
        (cached, rates.cached_input),
        (written, rates.cache_write),
        (hour, rates.cache_write_1h or 0),
        (output, rates.output),
    )
    exact = Fraction(sum(tokens * rate for tokens, rate in parts), 10**6)
    assert exact <= cost(usage, rates) < exact + 1
