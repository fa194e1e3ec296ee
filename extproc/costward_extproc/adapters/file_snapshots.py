"""Snapshots from a policy file: the local stand-in for the control plane's stream, behind the same port.

A file that turns bad never replaces a good snapshot, and the last good one is kept on disk, so that a restart with a
bad file goes on with what was in force (promise P5).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from subprocess import Popen

from costward_contract.codec import decode, encode
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Snapshot

from costward_extproc.adapters import policy_compiler
from costward_extproc.adapters.policy_compiler import PolicyFileError

log = logging.getLogger(__name__)

POLL_S = 0.5
"""How often the file is looked at: an edit is in force before a person has switched windows, and one stat of one file
twice a second costs nothing."""


class FileSnapshots:
    """Implements `ports.Snapshots`. Run `keep()` as a task."""

    def __init__(
        self,
        path: Path,
        last_good: Path,
        on_rejected: Callable[[], None] = lambda: None,
        compiler: Popen[bytes] | None = None,
    ) -> None:
        """Reads the file now, unless `compiler` was begun with it before; where it is bad, goes on with the last good
        snapshot. Blocks until then. Raises PolicyFileError if there is none."""
        self._path = path
        self._last_good = last_good
        self._on_rejected = on_rejected
        self._changed = asyncio.Condition()
        self._stamp = _stamp(path)
        self._current = self._first(compiler)

    @property
    def current(self) -> Snapshot:
        return self._current

    async def watch(self) -> AsyncIterator[Snapshot]:
        seen = ""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._current.hash != seen)  # noqa: B023  # read under the lock
                snapshot = self._current
            seen = snapshot.hash
            yield snapshot

    async def keep(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            stamp = await asyncio.to_thread(_stamp, self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                await self._reload()

    async def _reload(self) -> None:
        try:
            snapshot = await asyncio.to_thread(policy_compiler.load, self._path)
        except PolicyFileError as error:
            self._on_rejected()
            log.error("policy file rejected, %s stays in force: %s", self._current.hash[:19], error)
            return
        if snapshot.hash == self._current.hash:
            return
        await asyncio.to_thread(self._keep_good, snapshot)
        async with self._changed:
            self._current = snapshot
            self._changed.notify_all()
        log.info("snapshot %s in force, %d policies", snapshot.hash[:19], len(snapshot.policies))

    def _first(self, compiler: Popen[bytes] | None) -> Snapshot:
        try:
            snapshot = policy_compiler.load(self._path, compiler)
        except PolicyFileError as error:
            try:
                snapshot = decode(self._last_good.read_bytes())
            except (OSError, SnapshotError):
                raise error from None
            self._on_rejected()
            log.error("policy file rejected, going on with the last good snapshot %s: %s", snapshot.hash[:19], error)
            return snapshot
        self._keep_good(snapshot)
        return snapshot

    def _keep_good(self, snapshot: Snapshot) -> None:
        """Replaced whole, so that a crash leaves the old or the new one; under a name of our own until then, because
        other workers do the same at the same moment."""
        fresh = self._last_good.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_bytes(encode(snapshot))
            os.replace(fresh, self._last_good)
        except OSError as problem:
            log.error("the last good snapshot cannot be kept on disk: %s", problem)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file does, also where an editor replaces it."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
