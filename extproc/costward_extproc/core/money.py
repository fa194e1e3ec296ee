"""What an exchange costs: token usage priced at integer rates.

Money is integer micro-dollars. A price is rounded up once per exchange, never per part, so that the sum over many
exchanges is at most one micro-dollar each above the true bill and never below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from costward_contract.snapshot import MicroUSD

_PER_MILLION = 1_000_000

PriceSource = Literal["policy", "catalogue", "ceiling"]


@dataclass(frozen=True, slots=True)
class Rates:
    """µ$ per million tokens. `cached_input` and the cache writes replace `input` for those tokens."""

    input: int
    output: int
    cached_input: int
    cache_write: int
    cache_write_1h: int | None = None
    """For input that the provider keeps for an hour instead of some minutes; None: it makes no difference."""
    tiers: tuple[tuple[int, Rates], ...] = ()
    """For long contexts, in ascending order: beyond so many input tokens these rates hold for the whole exchange."""

    def at(self, input_tokens: int) -> Rates:
        """The rates of an exchange with so many input tokens."""
        passed = [rates for beyond, rates in self.tiers if input_tokens > beyond]
        return passed[-1] if passed else self


@dataclass(frozen=True, slots=True)
class Quote:
    """The rates of one model and where they come from; `ceiling` means that the model is unknown and priced as its
    family's dearest, so that an unknown price is never $0."""

    model: str
    rates: Rates
    source: PriceSource
    served: tuple[tuple[str, Rates], ...] = ()
    """Rates of the service tiers that have their own."""
    is_scaled: bool = False
    """For a tier that has none of its own: at least what it costs."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange. `input` includes `cached_input` and `cache_write`; `cache_write` includes
    `cache_write_1h`; `output` includes `reasoning`."""

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False
    cache_write_1h: int = 0


def cost(usage: Usage, rates: Rates) -> MicroUSD:
    """The price of `usage` in µ$, rounded up once."""
    rates = rates.at(usage.input)
    plain = max(usage.input - usage.cached_input - usage.cache_write, 0)
    hour = min(usage.cache_write_1h, usage.cache_write)
    hourly = rates.cache_write if rates.cache_write_1h is None else rates.cache_write_1h
    total = (
        plain * rates.input
        + usage.cached_input * rates.cached_input
        + (usage.cache_write - hour) * rates.cache_write
        + hour * hourly
        + usage.output * rates.output
    )
    return MicroUSD(-(-total // _PER_MILLION))
