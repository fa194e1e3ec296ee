"""What this process's exchanges came to since it started, by policy and workload, for the control plane: it tells from
them whose traffic was seen, and what it costs and saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from costward_contract.v1 import delivery_pb2 as wire

from costward_extproc.core.record import UNPRICED, Record

MOST_ROWS = 10_000
"""About 3 MB. What comes beyond is counted without names, so that the sums stay true."""

MOST_TOLD = 100
"""Rows in one pulse: about 0.1 ms of the event loop, which serves requests meanwhile."""

_Key = tuple[str, str]
"""Policy and workload."""


@dataclass(slots=True)
class _Row:
    exchanges: int = 0
    unpriced: int = 0
    hits: int = 0
    spent: int = 0
    saved: int = 0
    last: float = 0.0


class Sums:
    """Implements `ports.Records` and the stream's `Pulses`; belongs to the event loop."""

    def __init__(self, since: float, is_serving: Callable[[], bool]) -> None:
        """`since`: Unix seconds of the process's start."""
        self._since = int(since * 1000)
        self._is_serving = is_serving
        self._rows: dict[_Key, _Row] = {}
        self._untold: dict[_Key, None] = {}

    def write(self, record: Record) -> None:
        key = (record.policy or "", record.workload.partition("/")[2])
        if key not in self._rows and len(self._rows) >= MOST_ROWS:
            key = ("", "")
        row = self._rows.setdefault(key, _Row())
        row.exchanges += 1
        row.unpriced += record.dialect is None and record.reason == UNPRICED
        row.hits += record.decision in ("hit-exact", "hit-semantic")
        row.spent += record.cost
        row.saved += max(record.baseline - record.cost, 0)
        row.last = max(row.last, record.at)
        self._untold[key] = None

    def begin(self) -> None:
        """A new control plane listens: nothing was told yet."""
        self._untold = dict.fromkeys(self._rows)

    def next(self) -> tuple[wire.Pulse, bool]:
        """Some of what was not told, and whether there is more."""
        keys = [key for key, _ in zip(self._untold, range(MOST_TOLD), strict=False)]
        for key in keys:
            del self._untold[key]
        return wire.Pulse(serving=self._is_serving(), since=self._since, sums=map(self._sum, keys)), bool(self._untold)

    def _sum(self, key: _Key) -> wire.Sum:
        row = self._rows[key]
        return wire.Sum(
            policy=key[0],
            workload=key[1],
            exchanges=row.exchanges,
            unpriced=row.unpriced,
            hits=row.hits,
            spent=row.spent,
            saved=row.saved,
            last=int(row.last),
        )
