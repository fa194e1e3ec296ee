"""The provider's own bill, by public prices: what Costward's books are compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from functools import lru_cache
from typing import Any

from genai_prices import Usage, calc_price

_PROVIDER = "openai"
_MICRO = 1_000_000

_PRICES_KEPT = 65_536
"""Distinct pairs of token counts whose price is remembered: one costs 0.3 ms to work out and 100 bytes to keep."""


@lru_cache(maxsize=_PRICES_KEPT)
def price(model: str, input_tokens: int, output_tokens: int) -> int:
    """µ$ of one exchange by the public catalogue, rounded up. Raises LookupError for a model that it does not know."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    total = calc_price(usage, model_ref=model, provider_id=_PROVIDER).total_price
    return int((total * _MICRO).to_integral_value(rounding=ROUND_CEILING))


@lru_cache(maxsize=1_024)
def is_known(model: str) -> bool:
    """Whether the catalogue has a price for it: others are unknown models here, as with the provider."""
    try:
        price(model, 1, 1)
    except LookupError:
        return False
    return True


@dataclass(slots=True)
class Bill:
    _sizes: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    """How often each (model, input, output) was served; priced only when the bill is asked for."""
    aborted: int = 0
    errors: int = 0

    def charge(self, model: str, input_tokens: int, output_tokens: int) -> None:
        self._sizes[model, input_tokens, output_tokens] += 1

    def statement(self) -> dict[str, Any]:
        models: dict[str, dict[str, int]] = {}
        for (model, input_tokens, output_tokens), times in self._sizes.items():
            row = models.setdefault(model, {"requests": 0, "inputTokens": 0, "outputTokens": 0, "microUSD": 0})
            row["requests"] += times
            row["inputTokens"] += times * input_tokens
            row["outputTokens"] += times * output_tokens
            row["microUSD"] += times * price(model, input_tokens, output_tokens)
        return {
            "models": dict(sorted(models.items())),
            "requests": sum(row["requests"] for row in models.values()),
            "microUSD": sum(row["microUSD"] for row in models.values()),
            "abortedStreams": self.aborted,
            "errors": self.errors,
        }
