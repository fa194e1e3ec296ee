"""Threads for steps that are too long for the event loop, and how much may wait for them.

Envoy lets a request pass after a second, so a body that waits for longer goes around its caps: what would wait too long
is not read at all. Each kind of step has a thread of its own, or small ones would wait behind megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from costward_extproc.core.intake import SMALL_BYTES

SHORT_QUEUE_BYTES = 1024 * 1024
"""Such bodies that may wait together: 0.1 s, half of the deadline."""

LONG_QUEUE_BYTES = 8 * 1024 * 1024
"""Longer ones, at 30 to 130 MB/s: a quarter of the second after which Envoy lets a request pass."""


class Lane:
    """One thread that reads bodies, and the bytes that wait for it or are in it. Belongs to the event loop."""

    def __init__(self, name: str, most_bytes: int) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._most_bytes = most_bytes
        self._taken = 0

    @contextmanager
    def place(self, size: int) -> Iterator[Executor | None]:
        """The thread, for `size` bytes; None where too much waits for it. One body alone may be of any size."""
        if self._taken and self._taken + size > self._most_bytes:
            yield None
            return
        self._taken += size
        try:
            yield self.thread
        finally:
            self._taken -= size


class Threads:
    """More threads than cores: only one holds the interpreter, and what each has is short."""

    def __init__(self) -> None:
        self._short = Lane("short-bodies", SHORT_QUEUE_BYTES)
        self._long = Lane("long-bodies", LONG_QUEUE_BYTES)
        self.results: Executor = ThreadPoolExecutor(1, thread_name_prefix="results")
        """What follows on a body that was read: behind other bodies it would come after the ledger's deadline."""
        self.books: Executor = ThreadPoolExecutor(1, thread_name_prefix="books")

    def lane(self, size: int) -> Lane:
        """Where a body of `size` bytes is read."""
        return self._short if size <= SMALL_BYTES else self._long

    def shutdown(self) -> None:
        """Returns when every step has ended."""
        for thread in (self._short.thread, self._long.thread, self.results, self.books):
            thread.shutdown()
