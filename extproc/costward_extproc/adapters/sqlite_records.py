"""Decision records: one JSON line each for the log, and the newest of them in a file for `explain`.

Records are worth much, but never a caller's wait: where log or disk stall, they are dropped and counted.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import orjson

from costward_extproc.adapters.line_writer import LineWriter
from costward_extproc.adapters.sqlite_file import Schema
from costward_extproc.adapters.sqlite_thread import Database, StoreThread
from costward_extproc.core.record import Record

RECORDS_SCHEMA = Schema(
    version=1,
    ddl="""
    CREATE TABLE IF NOT EXISTS record (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        at REAL NOT NULL,
        policy TEXT,
        decision TEXT NOT NULL,
        cost INTEGER NOT NULL,
        baseline INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS record_id ON record (id)
    """,
)

MAX_ROWS = 100_000
"""About 150 MB: a day at one exchange a second, which is what one asks `explain` about. The log keeps the rest."""

PRUNE_EVERY = 1_000
"""Inserts between two looks for rows to delete: a hundredth of what is kept."""

MAX_BACKLOG = 5_000
"""Inserts that wait for a stalled disk, about 8 MB."""


class SqliteRecords:
    """Implements `ports.Records`."""

    def __init__(
        self,
        path: Path,
        out: TextIO | None,
        max_rows: int = MAX_ROWS,
        on_failure: Callable[[str], None] = lambda _word: None,
        thread: StoreThread | None = None,
    ) -> None:
        """`out` gets the decision lines. `on_failure` counts rows that could not be written, on any thread. Raises
        SettingsError."""
        self.database = Database(path, RECORDS_SCHEMA, on_failure, thread)
        self.dropped_rows = 0
        """Records that the disk was too slow for; their lines may still have been written."""
        self._lines = None if out is None else LineWriter(out)
        self._max_rows = max_rows
        self._written = 0

    @property
    def dropped_lines(self) -> int:
        """Records whose line the log was too slow for."""
        return self._lines.dropped if self._lines else 0

    def write(self, record: Record) -> None:
        line = encode(record)
        if self._lines:
            self._lines.write(line)
        if self.database.backlog >= MAX_BACKLOG:
            self.dropped_rows += 1
            return
        self.database.post(lambda db: _insert(db, record, line))
        self._written += 1
        if self._written % PRUNE_EVERY == 0:
            self.database.post(lambda db: _prune(db, self._max_rows))

    def close(self) -> None:
        """Finish what is queued. Blocks: call it off the event loop."""
        self.database.close()
        if self._lines:
            self._lines.close()


def encode(record: Record) -> str:
    """One line of JSON."""
    try:
        return orjson.dumps(record).decode()
    except TypeError:
        # orjson refuses lone surrogates and integers over 64 bits, and a caller's model name may hold anything.
        return json.dumps(dataclasses.asdict(record), separators=(",", ":"))


def _insert(db: sqlite3.Connection, record: Record, line: str) -> None:
    db.execute(
        "INSERT INTO record (id, at, policy, decision, cost, baseline, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record.id, record.at, record.policy, record.decision, record.cost, record.baseline, line),
    )


def _prune(db: sqlite3.Connection, keep: int) -> None:
    db.execute("DELETE FROM record WHERE seq <= (SELECT max(seq) FROM record) - ?", (keep,))
