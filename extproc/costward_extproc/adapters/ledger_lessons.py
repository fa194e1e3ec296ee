"""What the ledger learns from exchanges that came to their end, as functions of a connection inside a transaction.

Two things of each output key: how long answers are, for what is reserved, and what their usage is made of, for what
an exchange is charged that never told it. Each is one row of bounded size.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence

from costward_extproc.core.ledger import Habit, Settlement, Told

LESSONS_DDL = """
    CREATE TABLE IF NOT EXISTS output (
        key TEXT PRIMARY KEY,
        recent BLOB NOT NULL,
        typical INTEGER,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS habit (
        key TEXT PRIMARY KEY,
        exchanges INTEGER NOT NULL,
        counted REAL NOT NULL,
        input REAL NOT NULL,
        cached REAL NOT NULL,
        written REAL NOT NULL,
        written_1h REAL NOT NULL,
        hidden REAL NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
"""
"""Of the same version as the ledger's other tables: a file without them gets them and keeps its counters."""

OUTPUT_IDLE_S = 30 * 86_400
"""A key unused for a month has a new prompt or a new model by the time it returns."""

OUTPUTS_REMEMBERED = 200
"""Enough that the 95th percentile rests on ten answers above it, few enough to follow a changed prompt in a day."""

OUTPUTS_NEEDED = 20
"""The smallest number whose 95th percentile is not simply the largest one seen."""

HABIT_REMEMBERED = OUTPUTS_REMEMBERED
"""Exchanges that a habit rests on, older ones counting ever less: few enough to follow a changed prompt in a day. A
longer memory would make no sum more right: what the mean has too much of now it has too little of later."""

HABIT_NEEDED = 5
"""A mean is right in sum however few it is of; these few keep one odd answer, the first one of a prompt that nothing
had cached yet, from speaking for all that follow."""

MOST_TOKENS = 10**9
"""Beyond any model's answer: a provider's nonsense must not make a settlement fail."""

_SUMS = ("counted", "input", "cached", "written", "written_1h", "hidden")
_KEPT = f"iif(exchanges < {HABIT_REMEMBERED}, 1.0, {1 - 1 / HABIT_REMEMBERED})"
"""Part of an older sum that stays: from here on as much is forgotten as is learnt."""
_WRITE_HABIT = (
    f"INSERT INTO habit (key, exchanges, {', '.join(_SUMS)}, at) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?) "
    f"ON CONFLICT (key) DO UPDATE SET {', '.join(f'{sum} = {sum} * {_KEPT} + excluded.{sum}' for sum in _SUMS)}, "
    f"exchanges = min(exchanges + 1, {HABIT_REMEMBERED}), at = excluded.at"
)
_READ_HABIT = (
    "SELECT input / counted, cached / input, written / input, written_1h / input, hidden / exchanges FROM habit "
    "WHERE key = ? AND exchanges >= ? AND counted > 0 AND input > 0"
)


def typical_output(db: sqlite3.Connection, key: str) -> int | None:
    row = db.execute("SELECT typical FROM output WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def habit(db: sqlite3.Connection, key: str) -> Habit | None:
    """None while it would rest on too few."""
    row = db.execute(_READ_HABIT, (key, HABIT_NEEDED)).fetchone()
    return Habit(*row) if row else None


def learn(db: sqlite3.Connection, end: Settlement, now: float) -> None:
    if end.output_key is not None and end.output_tokens is not None:
        _learn_output(db, end.output_key, end.output_tokens, now)
    if end.output_key is not None and end.told is not None:
        _learn_habit(db, end.output_key, end.told, now)


def prune(db: sqlite3.Connection, now: float) -> None:
    """Forget idle keys."""
    for table in ("output", "habit"):
        db.execute(f"DELETE FROM {table} WHERE at < ?", (now - OUTPUT_IDLE_S,))


def _learn_output(db: sqlite3.Connection, key: str, tokens: int, now: float) -> None:
    row = db.execute("SELECT recent FROM output WHERE key = ?", (key,)).fetchone()
    recent = array("Q", row[0] if row else b"")
    recent.append(min(max(tokens, 0), MOST_TOKENS))
    recent = recent[-OUTPUTS_REMEMBERED:]
    db.execute(
        "INSERT OR REPLACE INTO output (key, recent, typical, at) VALUES (?, ?, ?, ?)",
        (key, recent.tobytes(), typical(recent), int(now)),
    )


def _learn_habit(db: sqlite3.Connection, key: str, told: Told, now: float) -> None:
    """Sums, not means: their ratios weigh each exchange by its tokens, as the bill does."""
    figures = (told.counted, told.input, told.cached, told.written, told.written_1h, told.hidden)
    db.execute(_WRITE_HABIT, (key, *(min(max(tokens, 0), MOST_TOKENS) for tokens in figures), int(now)))


def typical(outputs: Sequence[int]) -> int | None:
    """The 95th percentile, so that one answer in twenty exceeds what was reserved for it; None while too few."""
    if len(outputs) < OUTPUTS_NEEDED:
        return None
    return sorted(outputs)[-(-len(outputs) * 95 // 100) - 1]
