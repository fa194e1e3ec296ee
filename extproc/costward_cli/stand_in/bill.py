"""The provider's own bill, by public prices: what Costward's books are compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from functools import lru_cache
from typing import Any, NamedTuple

from genai_prices import Usage, calc_price

_MICRO = 1_000_000

_PRICES_KEPT = 65_536
"""Distinct sizes whose price is remembered: one costs 0.3 ms to work out and 100 bytes to keep."""


class Sale(NamedTuple):
    """What one exchange is charged for."""

    model: str
    input: int
    """Tokens, cached and written ones included."""
    output: int
    cached: int = 0
    written: int = 0
    """To the provider's prompt cache, for an hour included."""
    written_1h: int = 0
    provider: str = "openai"


@lru_cache(maxsize=_PRICES_KEPT)
def price(sale: Sale) -> int:
    """µ$ of one exchange by the public catalogue, rounded up. Raises LookupError for a model that it does not know."""
    cache = {"cache_read_tokens": sale.cached, "cache_write_tokens": sale.written}
    if sale.written_1h:
        cache["cache_write_1h_tokens"] = sale.written_1h
    # A model without a rate for the cache refuses even none of its tokens.
    counted = {name: tokens for name, tokens in cache.items() if tokens}
    usage = Usage(input_tokens=sale.input, output_tokens=sale.output, **counted)
    total = calc_price(usage, model_ref=sale.model, provider_id=sale.provider).total_price
    return int((total * _MICRO).to_integral_value(rounding=ROUND_CEILING))


@lru_cache(maxsize=1_024)
def is_known(model: str, provider: str = "openai") -> bool:
    """Whether the catalogue has a price for it: others are unknown models here, as with the provider."""
    try:
        price(Sale(model, 1, 1, provider=provider))
    except LookupError:
        return False
    return True


@dataclass(slots=True)
class Bill:
    _sales: Counter[Sale] = field(default_factory=Counter)
    """How often each was made; priced only when the bill is asked for."""
    aborted: int = 0
    errors: int = 0

    def charge(self, model: str, input_tokens: int, output_tokens: int) -> None:
        self.sell(Sale(model, input_tokens, output_tokens))

    def sell(self, sale: Sale) -> None:
        self._sales[sale] += 1

    def statement(self) -> dict[str, Any]:
        models: dict[str, dict[str, int]] = {}
        for sale, times in self._sales.items():
            row = models.setdefault(sale.model, dict.fromkeys(_COLUMNS, 0))
            row["requests"] += times
            row["inputTokens"] += times * sale.input
            row["outputTokens"] += times * sale.output
            row["cachedTokens"] += times * sale.cached
            row["writtenTokens"] += times * sale.written
            row["microUSD"] += times * price(sale)
        return {
            "models": dict(sorted(models.items())),
            "requests": sum(row["requests"] for row in models.values()),
            "microUSD": sum(row["microUSD"] for row in models.values()),
            "abortedStreams": self.aborted,
            "errors": self.errors,
        }


_COLUMNS = ("requests", "inputTokens", "outputTokens", "cachedTokens", "writtenTokens", "microUSD")
