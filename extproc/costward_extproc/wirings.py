"""Which wirings ask this data plane: a proxy announces the configuration that it runs with every call.

Told at the admin page, in a metric and once in the log where it is another version than this data plane is made for:
an Envoy that runs an old configuration looks well from everywhere else.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from costward_contract.metadata import CAPABILITIES, RETRY, WIRING, WIRING_HASH, WIRING_VERSION

log = logging.getLogger(__name__)

MOST = 32
"""Distinct wirings that are told apart, each a label of a metric: more than the gateways of one data plane, and few
enough for any scrape. All further ones are counted as one."""

_LONGEST = 128
"""Characters kept of what is announced: twice the longest that we write ourselves."""


class Wiring(NamedTuple):
    version: str
    hash: str
    capabilities: str
    """As announced: with commas between."""


NONE = Wiring("none", "none", "")
"""Of a proxy that announces nothing: not our wiring, or one from before it said so."""

OTHERS = Wiring("other", "other", "")


class Wirings:
    """Belongs to the event loop; may be read from any thread."""

    def __init__(self, degraded: Callable[[str], None] = lambda _code: None) -> None:
        """`degraded` is told the code of each version that is not ours, once."""
        self._degraded = degraded
        self._calls: dict[Wiring, int] = {}
        self._strange: set[str] = set()

    def saw(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """A call that came with this metadata."""
        told = {name: str(value)[:_LONGEST] for name, value in metadata if name in _TOLD}
        wiring = Wiring(told.get(WIRING, "none"), told.get(WIRING_HASH, "none"), told.get(CAPABILITIES, ""))
        if wiring not in self._calls:
            wiring = self._new(wiring)
        self._calls[wiring] = self._calls.get(wiring, 0) + 1

    def _new(self, wiring: Wiring) -> Wiring:
        if len(self._calls) >= MOST:
            return OTHERS
        if wiring.version not in (WIRING_VERSION, *self._strange):
            self._strange.add(wiring.version)
            log.warning(
                "a proxy announces wiring %r (%s), and this data plane is made for %r: print its configuration anew "
                "with `costward envoy-config`",
                wiring.version,
                wiring.hash,
                WIRING_VERSION,
            )
            self._degraded("wiring-version")
        return wiring

    def calls(self) -> list[tuple[int, Mapping[str, str]]]:
        """For a metric: calls by version and hash."""
        sums: Counter[tuple[str, str]] = Counter()
        for wiring, calls in self._calls.copy().items():
            sums[wiring[:2]] += calls
        return [(calls, {"version": version, "hash": digest}) for (version, digest), calls in sums.items()]

    def page(self) -> str:
        """All that was seen since the start, as JSON."""
        return _page(self._calls.copy())


_TOLD = frozenset({WIRING, WIRING_HASH, CAPABILITIES})


def merged(pages: Iterable[str]) -> str:
    """One page of those of several workers."""
    calls: Counter[Wiring] = Counter()
    for page in pages:
        for row in json.loads(page)["wirings"]:
            calls[Wiring(row["version"], row["hash"], ",".join(row["capabilities"]))] += row["calls"]
    return _page(calls)


def _page(calls: Mapping[Wiring, int]) -> str:
    rows = [_row(wiring, count) for wiring, count in sorted(calls.items())]
    return json.dumps({"expected": WIRING_VERSION, "wirings": rows}, indent=2) + "\n"


def _row(wiring: Wiring, calls: int) -> dict[str, Any]:
    capabilities = wiring.capabilities.split(",") if wiring.capabilities else []
    return {**wiring._asdict(), "capabilities": capabilities, "fallback": RETRY in capabilities, "calls": calls}
