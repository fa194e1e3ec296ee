"""The answers' store of one machine: a SQLite file that all workers share, with the hot vectors in memory.

It has a file of its own, so that a damaged cache never costs money data. Another worker's writes, deletions and expiry
are noticed at the next search: the file decides what is served, the index in memory only what is proposed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from costward_extproc.adapters import cache_tables as tables
from costward_extproc.adapters.cache_tables import CACHE_SCHEMA, Found
from costward_extproc.adapters.sqlite_thread import Database
from costward_extproc.adapters.vector_index import MAX_BYTES, Partition, Seqs, VectorIndex
from costward_extproc.cache.entries import Entry, Neighbour, Selector, Vector
from costward_extproc.errors import StoreFailure

MAX_FILE_BYTES = 512 * 2**20
"""Over 100,000 answers of usual length, half of the smallest volume that clusters hand out (1 GiB)."""

MAX_ENTRY_BYTES = 2**20
"""A longer answer is a quarter of a million tokens: a document rather than an answer, and seldom asked for twice."""

MAX_PENDING_BYTES = 32 * 2**20
"""Answers that wait for a stalled disk; beyond it new ones are dropped, for a cache must not eat the memory that the
traffic needs."""

SEARCH_ON_LOOP_ROWS = 2_000
"""Up to here a scan takes under 0.2 ms, less than a thread's wake-up costs beside a busy event loop."""

MAX_TOUCHED = 10_000
"""Served entries whose last use is not written down yet; more would only blur which one goes first."""

MAINTAIN_S = 30.0
"""Expired entries are never served, so removing them is not urgent; the file grows little in half a minute."""

MAX_STALE = 3
"""Searches that may propose what is gone: the first drops those rows, the second reads the partition anew, the third
has met a writer in full swing, and what it found is good enough."""


class SqliteCache:
    """Implements `ports.CacheStore`. Run `keep()` as a task for as long as it lives."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        max_bytes: int = MAX_FILE_BYTES,
        max_index_bytes: int = MAX_BYTES,
        on_failure: Callable[[str], None] = lambda _word: None,
    ) -> None:
        """`clock` gives Unix seconds, for `keep` alone. `on_failure` counts entries that could not be written, on
        any thread. Raises SettingsError."""
        self.database = Database(path, CACHE_SCHEMA, on_failure)
        self.index = VectorIndex(max_index_bytes)
        self.junk = 0
        """Unusable rows that were met: each is a miss."""
        self.dropped = 0
        """Entries not taken because they were too large or the disk too slow."""
        self.evicted = 0
        """Entries removed because they had expired or to stay within the bound."""
        self._clock = clock
        self._max_bytes = max_bytes
        self._on_failure = on_failure
        self._pending_bytes = 0
        """At most what waits to be written: counted since the queue was last seen empty."""
        self._used: dict[str, float] = {}

    async def exact(self, partition: str, key: str, now: float) -> Entry | None:
        entry, junk = await self.database.read(partial(tables.exact, partition, key, now))
        self.junk += junk
        if entry is not None:
            self._touch(entry, now)
        return entry

    async def near(self, partition: str, vector: Vector, k: int, now: float) -> tuple[Neighbour, ...]:
        stale = 0
        while True:
            rows = self.index.partition(partition)
            candidates, upto = await _search(rows, vector), rows.upto
            ask = partial(tables.lookup, partition, upto, candidates.tolist(), vector, k, now)
            found = await self.database.read(ask)
            self.junk += found.junk
            stale += bool(found.gone)
            if found.news is None and (not found.gone or stale == MAX_STALE):
                break
            self._learn(partition, rows, found, reread=stale > 1)
        for neighbour in found.neighbours:
            self._touch(neighbour.entry, now)
        return found.neighbours

    def put(self, entry: Entry) -> None:
        size = tables.size_of(entry)
        if self.database.backlog == 0:
            self._pending_bytes = 0
        if size > MAX_ENTRY_BYTES or self._pending_bytes + size > MAX_PENDING_BYTES:
            self.dropped += 1
            return
        self._pending_bytes += size
        self.database.post(partial(tables.put, entry))

    async def forget(self, selector: Selector) -> int:
        upto = await self.database.read(tables.last_seq)
        removed = await self._in_chunks(partial(tables.delete, selector, upto))
        self.index.clear()
        await self.database.checkpoint()
        return removed

    async def maintain(self, now: float) -> int:
        """Remove what has expired, and the longest unused beyond the bound. Returns how many. Raises StoreFailure."""
        used, self._used = self._used, {}
        if used:
            await self.database.run(partial(tables.touch, used))
        removed = await self._in_chunks(partial(tables.delete_expired, now))
        removed += await self._in_chunks(partial(tables.delete_unused, self._max_bytes))
        self.evicted += removed
        return removed

    async def keep(self) -> None:
        """Maintain until cancelled. A failing store is counted and tried again."""
        while True:
            try:
                await self.maintain(self._clock())
            except StoreFailure as failure:
                self._on_failure(failure.reason)
            await asyncio.sleep(MAINTAIN_S)

    def close(self) -> None:
        """Finish what is queued. Blocks: call it off the event loop."""
        self.database.close()

    def _learn(self, partition: str, rows: Partition, found: Found, reread: bool) -> None:
        if found.news is not None:
            self.index.extend(partition, rows, found.news)
        elif reread:
            # Still proposing what is gone: many entries have expired or were forgotten, by whichever worker.
            self.index.drop(partition)
        else:
            for seq in found.gone:
                rows.remove(seq)

    async def _in_chunks(self, delete: Callable[[sqlite3.Connection], int]) -> int:
        removed = 0
        while chunk := await self.database.run(delete):
            removed += chunk
        return removed

    def _touch(self, entry: Entry, now: float) -> None:
        if entry.id in self._used or len(self._used) < MAX_TOUCHED:
            self._used[entry.id] = now


async def _search(rows: Partition, vector: Vector) -> Seqs:
    if len(rows) <= SEARCH_ON_LOOP_ROWS:
        return rows.scan(vector)
    version = rows.version
    found = await asyncio.to_thread(rows.scan, vector)
    # A row moved while the scan ran may have been missed: once more, where nothing moves.
    return found if rows.version == version else rows.scan(vector)
