"""What a model costs by the public catalogue, and what an unknown one may cost at most.

An unknown model is never free and never guessed cheap: it costs as much as the dearest of its family, because new
models appear weeks before catalogues know them and a cap that does not count is no cap.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from costward_extproc.adapters.price_catalogue import Clause, Model, Provider, load
from costward_extproc.core.money import Quote, Rates

REMEMBERED = 1_024
"""Model names come from callers, so the memory of them is bounded; no deployment uses a thousand."""

MAX_NAME = 256
"""Longer names are no model's: they are priced by their beginning."""

SERVED = ("openai", "anthropic")
"""Providers whose dialects are spoken here: an unrecognisable name costs as much as the dearest of their models."""

_DATE = re.compile(r"[-@](20\d\d-[01]\d-[0-3]\d|20\d\d[01]\d[0-3]\d)$")
_SEPARATORS = re.compile(r"[-._:/@]+")


class CataloguePrices:
    """Gives `Means.quote`. Batch discounts, audio and tools are not priced here; hours of the day cost their
    dearest. Prices are those in force when the process started."""

    def __init__(
        self, overrides: Mapping[str, Rates] | None = None, catalogue: Sequence[Provider] | None = None
    ) -> None:
        """`overrides`: rates by exact model name that win over the catalogue. Loading it takes about a second."""
        self._overrides = dict(overrides or {})
        self._providers = tuple(load() if catalogue is None else catalogue)
        self._families: defaultdict[str, list[tuple[Provider, tuple[str, ...], Model]]] = defaultdict(list)
        """Priced models by the first word of their names."""
        for provider in self._providers:
            for model in provider.models:
                if model.rates and (words := _words(model.id.rpartition("/")[2])):
                    self._families[words[0]].append((provider, words, model))
        self._cached = lru_cache(maxsize=REMEMBERED)(self._quote)

    def quote(self, model: str) -> Quote:
        return self._cached(model[:MAX_NAME])

    def _quote(self, model: str) -> Quote:
        if model in self._overrides:
            return Quote(model, self._overrides[model], "policy")
        name = model.lower()
        # As named; without a router's `vendor/`; without the date of a snapshot that the catalogue has not listed.
        for candidate in dict.fromkeys((name, name.rpartition("/")[2], _DATE.sub("", name.rpartition("/")[2]))):
            if (listed := self._listed(candidate)) and listed.rates:
                return Quote(model, listed.rates, "catalogue", listed.served)
        return Quote(model, self._ceiling(name.rpartition("/")[2]), "ceiling")

    def _listed(self, name: str) -> Model | None:
        owner = self._owner(name)
        sellers = [owner] if owner else [p for p in self._providers if p.id in SERVED]
        return next((m for p in sellers for m in p.models if matches(m.match, name)), None)

    def _owner(self, name: str) -> Provider | None:
        return next((p for p in self._providers if p.match is not None and matches(p.match, name)), None)

    def _ceiling(self, name: str) -> Rates:
        """The dearest of those models whose names have most leading words in common with this one."""
        owner, words = self._owner(name), _words(name)
        likes: defaultdict[int, list[Model]] = defaultdict(list)
        for provider, theirs, model in self._families.get(words[0], ()) if words else ():
            if owner is None or provider is owner:
                likes[_common(words, theirs)].append(model)
        if likes:
            return dearest(likes[max(likes)])
        owns = [m for m in (owner.models if owner else ()) if m.rates]
        return dearest(owns or [m for p in self._providers if p.id in SERVED for m in p.models])


def matches(clause: Clause, name: str) -> bool:
    """Whether a catalogue clause recognises a name in lower case."""
    kind, value = clause
    match kind:
        case "or":
            return any(matches(part, name) for part in value)
        case "and":
            return all(matches(part, name) for part in value)
        case "equals":
            return name == str(value).lower()
        case "starts_with":
            return name.startswith(str(value).lower())
        case "ends_with":
            return name.endswith(str(value).lower())
        case "contains":
            return str(value).lower() in name
        case "regex":
            return re.search(value, name) is not None
    return False


def dearest(models: Iterable[Model]) -> Rates:
    """The highest of each rate over all models and context lengths. Raises ValueError if none is priced."""
    found = [r for m in models if m.rates for r in (m.rates, *(tier for _, tier in m.rates.tiers))]
    return Rates(
        input=max(r.input for r in found),
        output=max(r.output for r in found),
        cached_input=max(r.cached_input for r in found),
        cache_write=max(r.cache_write for r in found),
        cache_write_1h=max(r.cache_write if r.cache_write_1h is None else r.cache_write_1h for r in found),
    )


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _SEPARATORS.split(name) if word)


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many leading words are the same."""
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
