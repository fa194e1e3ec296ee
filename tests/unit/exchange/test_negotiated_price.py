"""A policy's own price holds for input and output; cache writes keep their proportion to it."""

from __future__ import annotations

from costward_contract.snapshot import PriceOverride, Rung
from costward_extproc.core.case import quoted_by
from costward_extproc.core.money import PriceSource, Quote, Rates

from tests.fakes.world import policy

OWN = policy(models=(Rung("large", "claude", PriceOverride(1_500_000, 7_500_000)),))


def _quoted(listed: Rates, source: PriceSource = "catalogue") -> Quote:
    return quoted_by(OWN, lambda model: Quote(model, listed, source), "claude")


def test_cache_writes_keep_their_proportion() -> None:
    quote = _quoted(Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000))
    assert quote == Quote("claude", Rates(1_500_000, 7_500_000, 1_500_000, 1_875_000, 3_000_000), "policy")


def test_a_rate_that_does_not_divide_is_rounded_up() -> None:
    assert _quoted(Rates(7, 1, 1, 8, None)).rates.cache_write == 1_714_286


def test_of_an_unknown_model_they_cost_what_input_costs() -> None:
    quote = _quoted(Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000), "ceiling")
    assert quote.rates == Rates(1_500_000, 7_500_000, 1_500_000, 1_500_000, 1_500_000)


def test_without_a_rate_for_an_hour_minutes_hold() -> None:
    assert _quoted(Rates(1_000_000, 1, 1, 1_250_000)).rates.cache_write_1h == 1_875_000
