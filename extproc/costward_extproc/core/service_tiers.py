"""What a provider asks for serving faster or slower than usual, where the rates are those of its usual service.

OpenAI calls these service tiers (`priority`, by its second name `fast`; `flex`), Anthropic has tiers and a `speed`.
A tier without a rate of its own is priced so that it never costs less than the truth.
"""

from __future__ import annotations

from dataclasses import replace

from costward_extproc.core.money import Quote, Rates

USUAL = frozenset({"", "auto", "default", "standard", "standard_only", "scale"})
"""At the model's own rates. `auto` is what the provider's project is set to: nobody tells before the answer."""

CHEAPER = frozenset({"flex", "batch"})
"""Half of the usual price or thereabouts: never more than that."""

FAST = "speed-fast"
"""Anthropic's `speed: fast`, under a name that is not OpenAI's tier."""

_TIMES = {"priority": (5, 2), "fast": (5, 2)}
"""The dearest priority rate that OpenAI lists is 2.5 times the usual one (gpt-5.5; most are 1.7 to 2 times)."""

_TIMES_ELSE = (6, 1)
"""For any other name: the dearest that any model has had for speed (Claude Opus 4.6's fast mode, `ultrafast`)."""


def quote_at(quote: Quote, asked: str, served: str | None) -> Quote:
    """Rates for the tier that served, or was asked for while nobody has told which did."""
    tier = asked if served is None else served
    if tier in USUAL:
        return quote
    if quote.source == "policy" and asked in USUAL:
        # Nobody asked for it: it is what the owner has agreed with the provider, and so has a price for.
        return quote
    listed = dict(quote.served).get(tier) if quote.source == "catalogue" else None
    if listed is not None:
        return replace(quote, rates=listed)
    if tier in CHEAPER:
        return quote
    return replace(quote, rates=_scaled(quote.rates, *_TIMES.get(tier, _TIMES_ELSE)), is_scaled=True)


def _scaled(rates: Rates, times: int, of: int) -> Rates:
    def scaled(rate: int) -> int:
        return -(-rate * times // of)

    return Rates(
        input=scaled(rates.input),
        output=scaled(rates.output),
        cached_input=scaled(rates.cached_input),
        cache_write=scaled(rates.cache_write),
        cache_write_1h=None if rates.cache_write_1h is None else scaled(rates.cache_write_1h),
        tiers=tuple((beyond, _scaled(longer, times, of)) for beyond, longer in rates.tiers),
    )
