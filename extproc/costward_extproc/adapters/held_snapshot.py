"""The snapshot in force, and its copy on disk for the next start.

Whatever the source, a bad update never replaces a good snapshot, and the last good one outlives a restart (promise P5).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from costward_contract.codec import decode, encode
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Snapshot

log = logging.getLogger(__name__)


class HeldSnapshot:
    """Belongs to the event loop but for `keep_on_disk`."""

    def __init__(self, last_good: Path) -> None:
        """`last_good`: the file that keeps it."""
        self._last_good = last_good
        self._changed = asyncio.Condition()
        self.current = Snapshot()

    async def watch(self) -> AsyncIterator[Snapshot]:
        """Every snapshot that takes effect, the present one first."""
        seen = ""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self.current.hash != seen)  # noqa: B023  # read under the lock
                snapshot = self.current
            seen = snapshot.hash
            yield snapshot

    async def replace(self, snapshot: Snapshot, sealed: bytes | None = None) -> None:
        """Put `snapshot` in force, and keep it; `sealed`: its bytes, where they are at hand."""
        await asyncio.to_thread(self.keep_on_disk, sealed or encode(snapshot))
        async with self._changed:
            self.current = snapshot
            self._changed.notify_all()
        log.info("snapshot %s in force, %d policies", snapshot.hash[:19], len(snapshot.policies))

    def kept(self) -> Snapshot | None:
        """What was in force when the last process ended; None where nothing usable was kept. Blocks."""
        try:
            return decode(self._last_good.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, SnapshotError) as problem:
            log.error("the last good snapshot in %s cannot be used: %s", self._last_good, problem)
            return None

    def keep_on_disk(self, sealed: bytes) -> None:
        """Replaced whole, so that a crash leaves the old or the new one; under a name of our own until then, because
        other workers do the same at the same moment. Blocks."""
        fresh = self._last_good.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_bytes(sealed)
            os.replace(fresh, self._last_good)
        except OSError as problem:
            log.error("the last good snapshot cannot be kept on disk: %s", problem)
