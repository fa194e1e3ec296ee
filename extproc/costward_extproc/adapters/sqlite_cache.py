"""The answers' store of one machine: a SQLite file that all workers share, with the hot vectors in memory.

It has a file of its own, so that a damaged cache never costs money data. Another worker's writes, deletions and expiry
are noticed at the next search: the file decides what is served, the index in memory only what is proposed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from costward_extproc.adapters import cache_tables as tables
from costward_extproc.adapters.cache_rows import size_of
from costward_extproc.adapters.cache_tables import CACHE_SCHEMA
from costward_extproc.adapters.key_filter import KeyFilter
from costward_extproc.adapters.sqlite_thread import Database, StoreThread
from costward_extproc.adapters.vector_index import MAX_BYTES, Partition, VectorIndex
from costward_extproc.cache.entries import Entry, Neighbour, Selector, Vector
from costward_extproc.errors import StoreFailure

MAX_FILE_BYTES = 512 * 2**20
"""Over 100,000 answers of usual length, half of the smallest volume that clusters hand out (1 GiB)."""

MAX_ENTRY_BYTES = 2**20
"""A longer answer is a quarter of a million tokens: a document rather than an answer, and seldom asked for twice."""

MAX_PENDING_BYTES = 32 * 2**20
"""Answers that wait for a stalled disk; beyond it new ones are dropped, for a cache must not eat the memory that the
traffic needs."""

FRESH_S = 0.5
"""How long what another worker stored may go unnoticed by the exact tier: a repetition within half a second of the
first answer is rare, and costs one more call of the provider."""

MAX_TOUCHED = 10_000
"""Served entries whose last use is not written down yet; more would only blur which one goes first."""

MAINTAIN_S = 30.0
"""Expired entries are never served, so removing them is not urgent; the file grows little in half a minute."""

MANY_GONE = 4
"""Of the candidates of one search, a quarter: then more of the partition is stale than is worth mending row by row."""


class SqliteCache:
    """Implements `ports.CacheStore`. Run `keep()` as a task for as long as it lives."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        max_bytes: int = MAX_FILE_BYTES,
        max_index_bytes: int = MAX_BYTES,
        on_failure: Callable[[str], None] = lambda _word: None,
        thread: StoreThread | None = None,
    ) -> None:
        """`clock` gives Unix seconds, for `keep` alone. `on_failure` counts entries that could not be written, on
        any thread. Raises SettingsError."""
        self.database = Database(path, CACHE_SCHEMA, on_failure, thread)
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
        self._keys = KeyFilter()
        self._keys_upto = 0
        self._looked_at = float("-inf")

    async def exact(self, partition: str, key: str, now: float) -> Entry | None:
        """Without asking the file where it is certain that there is nothing, as far as was looked FRESH_S ago."""
        fresh = 0 <= now - self._looked_at <= FRESH_S
        if fresh and not self._keys.may_hold(partition, key):
            return None
        found = await self.database.read(partial(tables.exact, partition, key, now, self._keys_upto))
        self.junk += found.junk
        self._learn_keys(found.keys, found.more, now)
        if found.entry is not None:
            self._touch(found.entry, now)
        return found.entry

    async def near(
        self, partition: str, vector: Vector, k: int, now: float, at_least: float = -1.0
    ) -> tuple[Neighbour, ...]:
        """One job on the thread: reading what is new, scanning and re-scoring cost less there than another wake-up of
        the event loop. Only a partition that is read for the first time takes a job for each chunk of it."""
        neighbours = None
        while neighbours is None:
            neighbours = await self.database.read(partial(self._near, partition, vector, k, now, at_least))
        for neighbour in neighbours:
            self._touch(neighbour.entry, now)
        return neighbours

    def put(self, entry: Entry) -> None:
        size = size_of(entry)
        if self.database.backlog == 0:
            self._pending_bytes = 0
        if size > MAX_ENTRY_BYTES or self._pending_bytes + size > MAX_PENDING_BYTES:
            self.dropped += 1
            return
        self._pending_bytes += size
        self._keys.add(entry.partition, entry.key)
        self.database.post(partial(tables.put, entry))

    async def forget(self, selector: Selector) -> int:
        upto = await self.database.read(tables.last_seq)
        removed = await self._in_chunks(partial(tables.delete, selector, upto))
        await self.database.read(lambda _db: self.index.clear())
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

    def _learn_keys(self, keys: Sequence[tuple[int, str, str]], more: bool, now: float) -> None:
        for seq, partition, key in keys:
            self._keys.add(partition, key)
            self._keys_upto = max(self._keys_upto, seq)
        # While there is more to read, nothing is certain: the file is asked, and gives the next chunk with its answer.
        self._looked_at = float("-inf") if more else now

    def _near(
        self, name: str, vector: Vector, k: int, now: float, at_least: float, db: sqlite3.Connection
    ) -> tuple[Neighbour, ...] | None:
        """On the thread. None: a chunk of the partition was read, and there is more."""
        rows = self.index.partition(name)
        news = tables.news(db, name, rows.upto, now)
        self.junk += news.junk
        if news.rows is not None:
            self.index.extend(name, rows, news.rows)
            if news.more:
                return None
        found = tables.lookup(db, name, rows.scan(vector, at_least), vector, k, now, at_least)
        self.junk += found.junk
        if found.gone:
            self._forget_rows(name, rows, found.gone)
            # What took their places among the nearest must be looked at too: once more, with the rest.
            found = tables.lookup(db, name, rows.scan(vector, at_least), vector, k, now, at_least)
        return found.neighbours

    def _forget_rows(self, name: str, rows: Partition, gone: frozenset[int]) -> None:
        """Entries that have expired or were forgotten, by whichever worker. Many at once: read the partition anew."""
        if len(gone) < MANY_GONE:
            for seq in gone:
                rows.remove(seq)
        else:
            self.index.drop(name)

    async def _in_chunks(self, delete: Callable[[sqlite3.Connection], int]) -> int:
        removed = 0
        while chunk := await self.database.run(delete):
            removed += chunk
        return removed

    def _touch(self, entry: Entry, now: float) -> None:
        if entry.id in self._used or len(self._used) < MAX_TOUCHED:
            self._used[entry.id] = now
