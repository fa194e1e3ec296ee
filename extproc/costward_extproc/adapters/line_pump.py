"""Carries the lines of several processes to one output, each line whole.

A pipe that several processes write to mixes whatever is longer than 4 kB, and a decision line may be.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import BinaryIO

_READ_BYTES = 65_536
"""What a pipe holds."""


class LinePump:
    """A thread for each source, because an output that stalls must stall nothing but its writers."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._gate = threading.Lock()
        self._threads: list[threading.Thread] = []

    def carry(self, source: int) -> None:
        """Read this descriptor until its end, and close it."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._work, args=(source,), name="lines", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Once all sources have ended: write what they left. An output that still stalls then is left behind."""
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self, source: int) -> None:
        rest = b""
        try:
            while chunk := os.read(source, _READ_BYTES):
                lines, end, rest = (rest + chunk).rpartition(b"\n")
                self._write(lines + end)
        finally:
            # A line without its end is of a process that was killed while it wrote: no record.
            os.close(source)

    def _write(self, lines: bytes) -> None:
        # Nobody reads any more: the lines are lost, as a single process's own would be.
        with contextlib.suppress(OSError, ValueError), self._gate:
            self._out.write(lines)
            self._out.flush()
