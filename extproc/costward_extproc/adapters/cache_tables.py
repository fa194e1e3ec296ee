"""The cache's table and what may happen to it, as functions of a connection inside a transaction.

The connection comes last, so that a call bound to its arguments (`partial`) is a job for the database's thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costward_extproc.adapters.cache_rows import COLUMNS, entry_of, size_of, usable, values_of
from costward_extproc.adapters.sqlite_file import Schema
from costward_extproc.adapters.vector_index import MAX_ROWS, Rows, Seqs, quantise
from costward_extproc.cache.entries import Entry, Neighbour, Selector, Vector

CACHE_SCHEMA = Schema(
    version=1,
    ddl="""
    CREATE TABLE IF NOT EXISTS entry (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        partition TEXT NOT NULL,
        key TEXT NOT NULL,
        policy TEXT NOT NULL,
        model TEXT NOT NULL,
        rung TEXT,
        cost INTEGER NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        used_at REAL NOT NULL,
        bytes INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        vector BLOB,
        text BLOB NOT NULL,
        answer BLOB NOT NULL,
        UNIQUE (partition, key)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS entry_partition ON entry (partition);
    CREATE INDEX IF NOT EXISTS entry_expires ON entry (expires_at);
    CREATE INDEX IF NOT EXISTS entry_used ON entry (used_at, bytes)
    """,
)

NEWS_KEYS = 2_000
"""Keys read along with an answer: about 2 ms."""

NEWS_ROWS = 1_000
"""Vectors read at a time: some milliseconds, so that a cold partition delays nobody else's lookup for long."""

CHUNK_ROWS = 500
"""Rows deleted at a time: a few milliseconds in which nobody reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    entry: Entry | None
    junk: int
    """1 where the row was unusable."""
    keys: Sequence[tuple[int, str, str]]
    """Row number, partition and key."""
    more: bool


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What an index has not read yet."""

    rows: Rows | None = None
    more: bool = False
    """A whole chunk was read: there may be another."""
    junk: int = 0
    """Rows that were unusable."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    neighbours: tuple[Neighbour, ...]
    gone: frozenset[int]
    """Proposed rows that are there no more, or unusable."""
    junk: int


def put(entry: Entry, db: sqlite3.Connection) -> None:
    """Replaces the entry with the same partition and key, under a new row number."""
    db.execute(
        f"INSERT OR REPLACE INTO entry ({COLUMNS}, used_at, bytes) VALUES (NULL{', ?' * 15})",
        (*values_of(entry), entry.created_at, size_of(entry)),
    )


def exact(partition: str, key: str, now: float, keys_upto: int, db: sqlite3.Connection) -> Exact:
    """The live entry of this key, and the keys of rows that were added behind `keys_upto`."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM entry WHERE partition = ? AND key = ? AND expires_at > ?", (partition, key, now)
    ).fetchone()
    entry = entry_of(row) if row else None
    keys = db.execute(
        f"SELECT seq, partition, key FROM entry WHERE seq > ? ORDER BY seq LIMIT {NEWS_KEYS}", (keys_upto,)
    ).fetchall()
    return Exact(entry, int(row is not None and entry is None), keys, len(keys) == NEWS_KEYS)


def lookup(
    db: sqlite3.Connection, partition: str, candidates: Seqs, vector: Vector, k: int, now: float, at_least: float
) -> Found:
    """Re-score what the index proposed, and load the best k that score at least this much, best first."""
    proposed: list[int] = candidates.tolist()
    if not proposed:
        return Found((), frozenset(), 0)
    seqs, scores = _scores(db, partition, proposed, vector, now)
    order = sorted(range(len(seqs)), key=lambda row: (-scores[row], -seqs[row]))[:k]
    best = {seqs[row]: float(scores[row]) for row in order if scores[row] >= at_least}
    entries: dict[int, Entry | None] = {}
    if best:
        query = f"SELECT {COLUMNS} FROM entry WHERE seq IN (SELECT value FROM json_each(?))"
        entries = {row[0]: entry_of(row) for row in db.execute(query, (_json(list(best)),))}
    neighbours = tuple(
        Neighbour(entry, score) for seq, score in best.items() if (entry := entries.get(seq)) is not None
    )
    unusable = {seq for seq in best if entries.get(seq) is None}
    return Found(neighbours, frozenset(set(proposed) - set(seqs) | unusable), len(unusable))


def delete(selector: Selector, upto: int, db: sqlite3.Connection) -> int:
    """Remove a chunk of the selected rows up to this row number. Returns their number."""
    given = {"policy": selector.policy, "partition": selector.partition, "model": selector.model}
    wanted = {column: value for column, value in given.items() if value is not None}
    where = " AND ".join(["seq <= ?", *(f"{column} = ?" for column in wanted)])
    return db.execute(
        f"DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE {where} LIMIT {CHUNK_ROWS})",
        (upto, *wanted.values()),
    ).rowcount


def last_seq(db: sqlite3.Connection) -> int:
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()
    return int(last)


def delete_expired(now: float, db: sqlite3.Connection) -> int:
    """Remove a chunk of what has expired. Returns its number."""
    return db.execute(
        f"DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at <= ? LIMIT {CHUNK_ROWS})", (now,)
    ).rowcount


def delete_unused(max_bytes: int, db: sqlite3.Connection) -> int:
    """Remove a chunk of the longest unused while all are larger than `max_bytes`. Returns its number."""
    (excess,) = db.execute("SELECT coalesce(sum(bytes), 0) - ? FROM entry", (max_bytes,)).fetchone()
    doomed = []
    for seq, size in db.execute(f"SELECT seq, bytes FROM entry ORDER BY used_at LIMIT {CHUNK_ROWS}"):
        if excess <= 0:
            break
        doomed.append((seq,))
        excess -= size
    db.executemany("DELETE FROM entry WHERE seq = ?", doomed)
    return len(doomed)


def touch(used: Mapping[str, float], db: sqlite3.Connection) -> None:
    """Remember when entries (by id) were last served."""
    db.executemany("UPDATE entry SET used_at = max(used_at, ?) WHERE id = ?", [(at, id) for id, at in used.items()])


def news(db: sqlite3.Connection, partition: str, upto: int, now: float) -> News:
    """A chunk of the partition's rows behind row number `upto`."""
    if upto == 0:
        upto = _before_newest(db, partition)
    found = db.execute(
        "SELECT seq, vector FROM entry WHERE partition = ? AND seq > ? AND expires_at > ? AND vector IS NOT NULL "
        f"ORDER BY seq LIMIT {NEWS_ROWS}",
        (partition, upto, now),
    ).fetchall()
    if not found:
        return News()
    seqs, vectors = usable(found)
    rows = quantise(np.array(seqs, np.int64), vectors, upto=found[-1][0])
    return News(rows, len(found) == NEWS_ROWS, len(found) - len(seqs))


def _before_newest(db: sqlite3.Connection, partition: str) -> int:
    """The row number below the newest that a partition in memory has room for."""
    row = db.execute(
        f"SELECT seq FROM entry WHERE partition = ? ORDER BY seq DESC LIMIT 1 OFFSET {MAX_ROWS}", (partition,)
    ).fetchone()
    return int(row[0]) if row else 0


def _scores(
    db: sqlite3.Connection, partition: str, proposed: list[int], vector: Vector, now: float
) -> tuple[list[int], NDArray[np.float32]]:
    """Row numbers that are live and usable, and their cosine similarities."""
    rows = db.execute(
        "SELECT seq, vector FROM entry WHERE seq IN (SELECT value FROM json_each(?)) AND partition = ? "
        "AND expires_at > ?",
        (_json(proposed), partition, now),
    )
    seqs, vectors = usable(rows.fetchall())
    return seqs, vectors @ vector


def _json(numbers: Iterable[int]) -> str:
    return json.dumps(list(numbers))
