"""What goes on beside the reconcile loop: the LISTs that make good what the watch lost, the sign of life of the API
server, and the snapshot that is stored for cold starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from costward_contract.chunks import TornError
from costward_contract.snapshot import Snapshot

from costward_operator.adapters.kube import COST_POLICIES, Kube
from costward_operator.adapters.snapshot_store import SnapshotStore
from costward_operator.adapters.watch import resync
from costward_operator.core.known import Known
from costward_operator.core.rollout import Pin
from costward_operator.errors import KubeError, WatchLostError

log = logging.getLogger(__name__)

CATCH_UP_S = 3.0
"""After a LIST the watch is waited for so long: what it has not told by then, it has lost."""
PROBE_S = 60.0
"""Between two signs of life, where the watch has nothing to tell."""
PIN_S = 5.0
"""Between two looks at the one ConfigMap where people pin a snapshot: they are in trouble then, and wait for it."""
AGAIN_S = 5.0
"""After a LIST or a write that failed in all its tries."""
_DRIFTS = 2
"""Resyncs in a row that found something. One may be a watch that was just coming back."""


async def keep_listed(
    kube: Kube,
    known: Known,
    every_s: float,
    *,
    changed: Callable[[], None],
    drifted: Callable[[int], None],
    heard: Callable[[], None],
    failed: Callable[[str], None],
    catch_up_s: float = CATCH_UP_S,
) -> None:
    """A full LIST at once, and then every so often. Raises WatchLostError where the watch is seen to tell nothing."""
    in_a_row = 0
    while True:
        first = not known.complete
        try:
            drift = await resync(kube, known, 0.0 if first else catch_up_s)
        except KubeError as error:
            log.warning("policies could not be listed: %s", error)
            failed("list")
            await asyncio.sleep(AGAIN_S)
            continue
        heard()
        changed()
        if not first:
            in_a_row = in_a_row + 1 if drift.total else 0
            drifted(drift.total)
        if not first and drift.total:
            log.warning("the watch had not told of %d changes: %s", drift.total, drift)
        if in_a_row >= _DRIFTS:
            raise WatchLostError("the watch misses what happens: this process ends, so that a new one watches anew")
        await asyncio.sleep(every_s)


async def keep_probing(kube: Kube, heard: Callable[[], None], failed: Callable[[str], None]) -> None:
    """For ever. Whether the watch itself is sound is seen by `keep_listed`."""
    while True:
        try:
            await kube.probe(COST_POLICIES)
            heard()
        except KubeError as error:
            log.warning("the API server does not answer: %s", error)
            failed("probe")
        await asyncio.sleep(PROBE_S)


async def keep_pinned(snapshots: SnapshotStore, told: Callable[[Pin], None], failed: Callable[[str], None]) -> None:
    """For ever: tells whether people went back to an older snapshot, at once and whenever that changes."""
    known: Pin | None = None
    while True:
        try:
            found = await snapshots.pin(known)
        except KubeError as error:
            log.warning("whether an older snapshot is asked for could not be read: %s", error)
            failed("pin")
        else:
            if found is not known and found != known:
                log.info("the rollout is %s", f"pinned to {found.asked}" if found.asked else "not pinned")
                told(found)
            known = found
        await asyncio.sleep(PIN_S)


@dataclass(slots=True)
class Saver:
    """Stores the newest snapshot, one at a time and not too often."""

    snapshots: SnapshotStore
    every_s: float
    now: Callable[[], str]
    failed: Callable[[str], None]
    _next: Snapshot | None = None
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def save(self, snapshot: Snapshot) -> None:
        self._next = snapshot
        self._some.set()

    async def run(self) -> None:
        """For ever. Raises LeaseLostError."""
        while True:
            await self._some.wait()
            self._some.clear()
            snapshot = self._next
            if snapshot is not None and not await self._stored(snapshot):
                self._some.set()
            await asyncio.sleep(self.every_s)

    async def _stored(self, snapshot: Snapshot) -> bool:
        """True where it is there, or cannot be."""
        try:
            await self.snapshots.save(snapshot, self.now())
        except TornError as error:
            log.error("%s", error)
            self.failed("save")
        except KubeError as error:
            log.warning("the snapshot was not stored for cold starts: %s", error)
            self.failed("save")
            return False
        return True
