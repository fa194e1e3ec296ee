"""The cache's table and what may happen to it, as functions of a connection inside a transaction.

The connection comes last, so that a call bound to its arguments (`partial`) is a job for the database's thread.
Rows carry a checksum: one that is not what was written, or whose vector has another shape, is no answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from costward_extproc.adapters.sqlite_file import Schema
from costward_extproc.adapters.vector_index import MAX_ROWS, Rows, Seqs, quantise
from costward_extproc.cache.entries import DIMENSIONS, Entry, Neighbour, Selector, Vector

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

ROW_BYTES = 512
"""Columns and index pages of a row besides its text, answer and vector."""

NEWS_KEYS = 2_000
"""Keys read along with an answer: about 2 ms."""

NEWS_ROWS = 1_000
"""Vectors read at a time: some milliseconds, so that a cold partition delays nobody else's lookup for long."""

CHUNK_ROWS = 500
"""Rows deleted at a time: a few milliseconds in which nobody reads."""

_COLUMNS = "seq, id, partition, key, policy, model, rung, cost, created_at, expires_at, checksum, vector, text, answer"
_VECTOR_TYPE = np.dtype("<f4")
_VECTOR_BYTES = DIMENSIONS * _VECTOR_TYPE.itemsize


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


def size_of(entry: Entry) -> int:
    """Bytes that an entry takes in the file, about."""
    return ROW_BYTES + len(entry.answer) + len(entry.text) + (0 if entry.vector is None else _VECTOR_BYTES)


def put(entry: Entry, db: sqlite3.Connection) -> None:
    """Replaces the entry with the same partition and key, under a new row number."""
    text = entry.text.encode("utf-8", "surrogatepass")
    vector = None if entry.vector is None else np.ascontiguousarray(entry.vector, _VECTOR_TYPE).tobytes()
    checksum = _checksum(entry.partition, entry.key, vector, text, entry.answer)
    db.execute(
        f"INSERT OR REPLACE INTO entry ({_COLUMNS}, used_at, bytes) VALUES (NULL{', ?' * 15})",
        (
            *(entry.id, entry.partition, entry.key, entry.policy, entry.model, entry.rung, entry.cost),
            *(entry.created_at, entry.expires_at, checksum, vector, text, entry.answer),
            *(entry.created_at, size_of(entry)),
        ),
    )


def exact(partition: str, key: str, now: float, keys_upto: int, db: sqlite3.Connection) -> Exact:
    """The live entry of this key, and the keys of rows that were added behind `keys_upto`."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM entry WHERE partition = ? AND key = ? AND expires_at > ?", (partition, key, now)
    ).fetchone()
    entry = _entry(row) if row else None
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
        query = f"SELECT {_COLUMNS} FROM entry WHERE seq IN (SELECT value FROM json_each(?))"
        entries = {row[0]: _entry(row) for row in db.execute(query, (_json(list(best)),))}
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
    seqs, vectors = _usable(found)
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
    seqs, vectors = _usable(rows.fetchall())
    return seqs, vectors @ vector


def _usable(rows: Sequence[tuple[int, bytes | None]]) -> tuple[list[int], NDArray[np.float32]]:
    """Row numbers and float32[n, 384] of those rows whose vector has the right length and norm. All at once: numpy's
    price is per call."""
    shaped = [(seq, blob) for seq, blob in rows if blob is not None and len(blob) == _VECTOR_BYTES]
    vectors = np.frombuffer(b"".join(blob for _, blob in shaped), _VECTOR_TYPE).reshape(-1, DIMENSIONS)
    unit = _are_unit(vectors)
    if unit.all():
        return [seq for seq, _ in shaped], vectors
    return [seq for (seq, _), good in zip(shaped, unit, strict=True) if good], vectors[unit]


def _vector(blob: bytes | None) -> NDArray[np.float32] | None:
    if blob is None or len(blob) != _VECTOR_BYTES:
        return None
    vector = np.frombuffer(blob, _VECTOR_TYPE)
    return vector if _are_unit(vector[None]).all() else None


def _are_unit(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Of each row; anything else is junk. False for NaN and infinity too, which may overflow on the way."""
    with np.errstate(all="ignore"):
        unit: NDArray[np.bool_] = np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 0.01
    return unit


def _entry(row: Sequence[Any]) -> Entry | None:
    seq_to_rung, (cost, created_at, expires_at, checksum, blob, text, answer) = row[:7], row[7:]
    _, id, partition, key, policy, model, rung = seq_to_rung
    if checksum != _checksum(partition, key, blob, text, answer):
        return None
    vector = _vector(blob)
    if blob is not None and vector is None:
        return None
    try:
        clear = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    entry = Entry(id, partition, key, policy, clear, answer, model, rung, cost, created_at, expires_at)
    return entry if vector is None else replace(entry, vector=vector)


def _checksum(partition: str, key: str, vector: bytes | None, text: bytes, answer: bytes) -> int:
    return crc32(answer, crc32(text, crc32(vector or b"", crc32(f"{partition}\n{key}".encode()))))


def _json(numbers: Iterable[int]) -> str:
    return json.dumps(list(numbers))
