"""Whose turn it is to write to a file that several processes share.

SQLite lets whoever asks first after a commit have the lock. A process that commits batch after batch asks first nearly
always, while the others sleep between their tries, up to a tenth of a second: as long as a request may wait at all. So
each takes a place in a queue first: `next` is held by the one who is to write next, and whoever has just written
finds it taken.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

_POLL_S = 0.000_2
"""A commit takes one to five milliseconds; looking this often adds nothing to it, and costs microseconds."""


class Turns:
    """Belongs to one thread. Locks end with their process, however it ends."""

    def __init__(self, path: Path) -> None:
        """`path`: of the database. Raises OSError where its folder cannot be written."""
        self._next, self._turn = (_open(path.with_name(f"{path.name}.{name}")) for name in ("next", "turn"))

    def take(self, timeout_s: float) -> bool:
        """Whether it is our turn, within this time. A process that was stopped in its turn keeps it: whoever gets none
        may still try without."""
        until = time.monotonic() + timeout_s
        if not _lock(self._next, until):
            return False
        try:
            return _lock(self._turn, until)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def give(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._next)
        os.close(self._turn)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_S)
        else:
            return True
