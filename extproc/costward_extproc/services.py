"""What the exchanges of one process share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from costward_extproc import ports
from costward_extproc.bodies import Bodies
from costward_extproc.core.identity import Workload
from costward_extproc.core.means import Means
from costward_extproc.gate import Gate
from costward_extproc.threads import Threads
from costward_extproc.wirings import Wirings

OFF_LOOP_BYTES = 8 * 1024
"""Bytes of request, answer or entry that take about 200 µs to read or write, the longest that may run on the event
loop: what has more is stepped on a thread. The machine is pure, so it does not matter where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that exchanges share. Built once, in the composition root."""

    ledger: ports.Ledger
    cache: ports.CacheStore
    embedder: ports.Embedder | None
    snapshots: ports.Snapshots
    records: tuple[ports.Records, ...]
    means: Means
    workload: Workload
    clock: Callable[[], float]
    new_id: Callable[[], str]
    threads: Threads
    gate: Gate
    deadline_s: float
    """P3: what the request's operations may take together, under any fault."""
    wirings: Wirings = field(default_factory=Wirings)
    bodies: Bodies = field(default_factory=Bodies)
