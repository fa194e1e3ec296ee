"""Reads the catalogue of `genai-prices` into plain integers.

The library costs 40 MB and half a second per process. `load` therefore reads it in a child process that prints the
table and ends; what stays is a list of names and rates. No network: the prices are those of the installed version.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from costward_extproc.adapters.child_output import printed_by
from costward_extproc.core.money import Rates
from costward_extproc.core.service_tiers import FAST

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

logger = logging.getLogger(__name__)

CHILD_SECONDS = 30
"""The child takes under a second; a machine so busy that it takes half a minute gets the library in this process."""

_FIELDS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")

_TIERS = {
    "service_tier=priority": "priority",
    "service_tier=fast": "fast",
    "service_tier=flex": "flex",
    "speed=fast": FAST,
}
"""The library's conditions of a price, and the tier's name here."""

_Level = tuple[int, list[int]]
"""Beyond how many input tokens it holds; µ$ per million tokens of input, output, cached input, and cache writes for
minutes and for an hour."""

Clause = Sequence[Any]
"""`[kind, text]` or `[kind, [clauses]]`: how the catalogue recognises names."""


@dataclass(frozen=True, slots=True)
class Model:
    id: str
    match: Clause
    rates: Rates | None
    """None where it is not priced by text tokens."""
    served: tuple[tuple[str, Rates], ...] = ()
    """Rates of service tiers that have their own."""


@dataclass(frozen=True, slots=True)
class Provider:
    id: str
    match: Clause | None
    """Which model names are its own; None: it sells other providers' models."""
    models: tuple[Model, ...]


def begin() -> subprocess.Popen[str] | None:
    """Start reading; what it gives goes to `load`. None where no child can be started."""
    try:
        return subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True)
    except OSError:
        return None


def load(child: subprocess.Popen[str] | None = None, seconds: float = CHILD_SECONDS) -> tuple[Provider, ...]:
    """The catalogue as of now, in the library's order of precedence. Takes about a second, less what `child` has had
    of it already."""
    child = child or begin()
    try:
        return decode(json.loads(printed_by(child, seconds)))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.warning(
            "prices are read in this process, which costs 40 MB: the child failed (%s)", type(error).__name__
        )
        return decode(read(datetime.now(UTC)))


def read(at: datetime) -> list[Any]:
    """The library's catalogue as JSON values."""
    from genai_prices.data_snapshot import get_snapshot

    return [
        [
            provider.id,
            _clause(provider.model_match),
            [[model.id, _clause(model.match), _rates_at(model, at), _served(model, at)] for model in provider.models],
        ]
        for provider in get_snapshot().providers
    ]


def decode(table: list[Any]) -> tuple[Provider, ...]:
    return tuple(Provider(id, match, tuple(_model(*model) for model in models)) for id, match, models in table)


def _model(name: str, clause: Clause, levels: list[Any] | None, served: list[Any]) -> Model:
    own = ((tier, _rates(theirs)) for tier, theirs in served)
    return Model(name, clause, _rates(levels), tuple((tier, rates) for tier, rates in own if rates is not None))


def _rates(levels: list[Any] | None) -> Rates | None:
    if levels is None:
        return None
    (_, base), *longer = [(beyond, Rates(*rates)) for beyond, rates in levels]
    return replace(base, tiers=tuple(longer))


def _rates_at(model: ModelInfo, at: datetime) -> list[_Level] | None:
    """The first is for short contexts."""
    priced = [levels for price in _prices_in_force(model, at) if (levels := _levels(price))]
    if len(priced) > 1:
        # Cheaper at some hours of the day: the dearest, so that a reservation holds at any hour.
        every = [rates for levels in priced for _, rates in levels]
        return [(0, [max(column) for column in zip(*every, strict=True)])]
    return priced[0] if priced else None


def _served(model: ModelInfo, at: datetime) -> list[tuple[str, list[_Level]]]:
    """The service tiers with rates of their own; the first of a name counts."""
    usual = _rates_at(model, at)
    found: dict[str, list[_Level]] = {}
    for variant in model.price_variants or ():
        name = _TIERS.get(" ".join(f"{condition}={value}" for condition, value in variant.when.items()))
        if name is None or (variant.constraint is not None and not variant.constraint.active(at)):
            continue
        levels = _levels(variant.prices)
        if levels is not None and usual is not None:
            found.setdefault(name, levels if len(levels) > 1 else _with_longer(levels, usual))
    return list(found.items())


def _with_longer(levels: list[_Level], usual: list[_Level]) -> list[_Level]:
    """Long contexts cost more in every tier, in the proportion that they have as usual where nothing else is listed."""
    (_, short), ((_, base), *longer) = levels[0], usual
    scaled = [
        (beyond, [max(own, -(-rate * own // plain)) for rate, own, plain in zip(rates, short, base, strict=True)])
        for beyond, rates in longer
    ]
    return [levels[0], *scaled]


def _prices_in_force(model: ModelInfo, at: datetime) -> Iterator[ModelPrice]:
    """The latest price that has begun, and before it those that hold at certain hours."""
    from genai_prices.types import ModelPrice, TimeOfDateConstraint

    if isinstance(model.prices, ModelPrice):
        yield model.prices
        return
    for conditional in reversed(model.prices):
        constraint = conditional.constraint
        if isinstance(constraint, TimeOfDateConstraint):
            yield conditional.prices
        elif constraint is None or constraint.active(at):
            yield conditional.prices
            return


def _levels(price: ModelPrice) -> list[_Level] | None:
    # Only those fields exist that the model has a price for.
    values = [getattr(price, field, None) for field in _FIELDS]
    starts = sorted({tier.start for value in values for tier in getattr(value, "tiers", ())})
    levels = [_level(beyond, values) for beyond in (0, *starts)]
    known = [level for level in levels if level is not None]
    return known if len(known) == len(levels) else None


def _level(beyond: int, values: Sequence[Any]) -> _Level | None:
    base, output, cached, write, hour = (_micro_dollars(value, beyond) for value in values)
    if not base:
        return None
    # Embeddings have no output; cached and written input without a rate of its own is simply input.
    write = write or base
    return beyond, [base, output or base, base if cached is None else cached, write, hour or write]


def _micro_dollars(value: Any, beyond: int) -> int | None:
    """µ$ per million tokens from dollars per million tokens, rounded up."""
    if value is None:
        return None
    price = value
    if not isinstance(value, Decimal):
        price = next((tier.price for tier in reversed(value.tiers) if beyond >= tier.start), value.base)
    return int((price * 1_000_000).to_integral_value(ROUND_CEILING))


def _clause(match: Any) -> list[Any] | None:
    """The library's match objects have one field each, named like the clause."""
    if match is None:
        return None
    ((kind, value),) = vars(match).items()
    return [kind.rstrip("_"), [_clause(part) for part in value] if isinstance(value, list) else value]


if __name__ == "__main__":
    json.dump(read(datetime.now(UTC)), sys.stdout)
