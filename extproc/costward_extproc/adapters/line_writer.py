"""Writes lines to a stream that may stall, without ever stalling its caller."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TextIO

GATHER_S = 0.02
"""Lines that come within this are written at once: a thread that woke for each would take the interpreter from the
event loop each time. A person who watches does not see the difference."""

MAX_WAITING = 10_000
"""Lines kept for a reader that has stopped reading: about 15 MB, a minute and more of busy traffic."""


class LineWriter:
    """A thread that writes queued lines in their order; `dropped` counts those that found the queue full, or the
    stream closed."""

    def __init__(self, out: TextIO, max_waiting: int = MAX_WAITING) -> None:
        self.dropped = 0
        self._out = out
        self._max_waiting = max_waiting
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="lines", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """`line` without its end. Never waits."""
        if self._queue.qsize() >= self._max_waiting:
            self.dropped += 1
        else:
            self._queue.put(line)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits; a stream that still stalls after `timeout_s` is left behind."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _work(self) -> None:
        running = True
        while running:
            lines, running = self._drain()
            try:
                self._out.write("".join(f"{line}\n" for line in lines))
                self._out.flush()
            except (OSError, ValueError):
                # A broken pipe or a closed file: there is nobody left to tell but the counter.
                self.dropped += len(lines)

    def _drain(self) -> tuple[list[str], bool]:
        lines: list[str] = []
        line = self._queue.get()
        if line is not None:
            time.sleep(GATHER_S)
        try:
            while line is not None:
                lines.append(line)
                line = self._queue.get_nowait()
        except Empty:
            return lines, True
        return lines, False
