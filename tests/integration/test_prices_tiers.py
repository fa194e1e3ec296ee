"""Service tiers cost what the installed catalogue says; long contexts in them never less than in the usual one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from costward_extproc.adapters.price_catalogue import decode, read
from costward_extproc.adapters.prices import CataloguePrices
from costward_extproc.core.money import Rates, Usage, cost
from genai_prices import Usage as LibraryUsage
from genai_prices import calc_price


@pytest.fixture(scope="module")
def prices() -> CataloguePrices:
    return CataloguePrices(catalogue=decode(read(datetime.now(UTC))))


@pytest.mark.parametrize(
    ("model", "tier", "context"),
    [
        ("gpt-5-mini", "priority", {"service_tier": "priority"}),
        ("gpt-5-mini", "flex", {"service_tier": "flex"}),
        ("gpt-5.5", "fast", {"service_tier": "fast"}),
        ("claude-opus-5", "speed-fast", {"speed": "fast"}),
    ],
)
def test_costs_are_the_librarys(prices: CataloguePrices, model: str, tier: str, context: dict[str, str]) -> None:
    usage = Usage(10_000, 500, cached_input=4_000)
    theirs = calc_price(
        LibraryUsage(input_tokens=10_000, output_tokens=500, cache_read_tokens=4_000), model, price_context=context
    )
    exact = theirs.total_price * 1_000_000
    assert exact <= cost(usage, dict(prices.quote(model).served)[tier]) < exact + 1


def _all(rates: Rates) -> tuple[int, ...]:
    return rates.input, rates.output, rates.cached_input, rates.cache_write


def test_no_faster_tier_is_cheaper_at_any_length(prices: CataloguePrices) -> None:
    quotes = [prices.quote(model.id) for provider in prices._providers for model in provider.models if model.served]
    assert len(quotes) > 20
    for quote in quotes:
        for tier, rates in quote.served:
            if tier == "flex":
                continue
            for tokens in (1, 250_000, 1_000_000):
                pairs = zip(_all(rates.at(tokens)), _all(quote.rates.at(tokens)), strict=True)
                assert all(own >= usual for own, usual in pairs), (quote.model, tier, tokens)
