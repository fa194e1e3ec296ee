"""Snapshots from a policy file: the local stand-in for the control plane's stream, behind the same port.

A file that turns bad changes nothing, and a restart with a bad file goes on with what was in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from subprocess import Popen

from costward_contract.codec import encode
from costward_contract.snapshot import Snapshot

from costward_extproc.adapters import policy_compiler
from costward_extproc.adapters.held_snapshot import HeldSnapshot
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
        self._held = HeldSnapshot(last_good)
        self._on_rejected = on_rejected
        self._stamp = _stamp(path)
        self._held.current = self._first(compiler)

    @property
    def current(self) -> Snapshot:
        return self._held.current

    def watch(self) -> AsyncIterator[Snapshot]:
        return self._held.watch()

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
            log.error("policy file rejected, %s stays in force: %s", self.current.hash[:19], error)
            return
        if snapshot.hash != self.current.hash:
            await self._held.replace(snapshot)

    def _first(self, compiler: Popen[bytes] | None) -> Snapshot:
        try:
            snapshot = policy_compiler.load(self._path, compiler)
        except PolicyFileError as error:
            kept = self._held.kept()
            if kept is None:
                raise error from None
            self._on_rejected()
            log.error("policy file rejected, going on with the last good snapshot %s: %s", kept.hash[:19], error)
            return kept
        self._held.keep_on_disk(encode(snapshot))
        return snapshot


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Changes whenever the file does, also where an editor replaces it."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
