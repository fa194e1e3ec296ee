"""The ledger's tables and what may happen to them, as functions of a connection inside a transaction.

A reservation is `open`, then `lapsed` (its lease ran out: charged what was seen) or `settled` (charged the truth), and
a lapsed one may still be settled: then only the difference is booked. Ended ones are kept for a while, so that saying
it twice changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from costward_contract.snapshot import MicroUSD

from costward_extproc.adapters import ledger_lessons as lessons
from costward_extproc.adapters.ledger_lessons import LESSONS_DDL
from costward_extproc.adapters.sqlite_file import Schema
from costward_extproc.core.admission import admit
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Reservation, Settlement, Standing

LEDGER_SCHEMA = Schema(
    version=1,
    ddl="""
    CREATE TABLE IF NOT EXISTS counter (
        key TEXT PRIMARY KEY,
        spent INTEGER NOT NULL,
        reserved INTEGER NOT NULL,
        resets_at INTEGER,
        drop_after INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reservation (
        id TEXT PRIMARY KEY,
        keys TEXT NOT NULL,
        amount INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        lease_until REAL NOT NULL,
        state TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS reservation_lease ON reservation (state, lease_until);
    """
    + LESSONS_DDL,
)

_DAY_S = 86_400

WINDOW_GRACE_S = _DAY_S
"""A closed window is kept for a day: exchanges that outlive it settle on the window that admitted them, and reports
can read yesterday."""

SESSION_IDLE_S = 30 * _DAY_S
"""A session's lifetime cap never resets, and sessions never end by themselves: a month after its last reservation
nobody resumes one."""

ENDED_KEPT_S = _DAY_S
"""How long a repeated settlement is recognised: far longer than any exchange runs."""

MOST_MICRO_USD = 2**60
"""A trillion dollars: beyond any bill, and seven of them still add up to what SQLite's integers hold. A provider's
nonsense is clamped to it, for a settlement that raises would never be booked."""

_KEYS = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Counter:
    """One cap's count for one subject in one window, in µ$."""

    key: str
    spent: MicroUSD
    reserved: MicroUSD
    resets_at: int | None


def position(db: sqlite3.Connection, charges: Sequence[Charge], output_key: str) -> Position:
    return Position(standings(db, charges), lessons.typical_output(db, output_key), lessons.habit(db, output_key))


def standings(db: sqlite3.Connection, charges: Sequence[Charge]) -> tuple[Standing, ...]:
    rows = db.execute(f"SELECT key, spent, reserved FROM counter WHERE key IN {_KEYS}", (_keys(charges),))
    found = {key: Standing(spent, reserved) for key, spent, reserved in rows}
    untouched = Standing(MicroUSD(0), MicroUSD(0))
    return tuple(found.get(charge.key, untouched) for charge in charges)


def reserve(db: sqlite3.Connection, asked: Reservation, now: float) -> Granted | Refused:
    """Asking again with the same id is granted and changes nothing."""
    if db.execute("SELECT 1 FROM reservation WHERE id = ?", (asked.id,)).fetchone():
        return Granted()
    verdict = admit(asked.charges, standings(db, asked.charges), asked.amount)
    if isinstance(verdict, Refused):
        return verdict
    amount = _clamped(asked.amount)
    _add(db, asked.charges, spend=0, reserve=amount, now=now)
    db.execute(
        "INSERT INTO reservation (id, keys, amount, seen, lease_until, state) VALUES (?, ?, ?, ?, ?, 'open')",
        (asked.id, _keys(asked.charges), amount, _clamped(asked.seen), asked.lease_until),
    )
    return verdict


def raise_to(db: sqlite3.Connection, asked: Reservation, now: float) -> Granted | Refused:
    """What it holds already does not stand in its own way. Never lowers."""
    row = db.execute("SELECT state, keys, amount FROM reservation WHERE id = ?", (asked.id,)).fetchone()
    if row is None:
        return reserve(db, asked, now)
    state, keys, held = row
    amount = _clamped(asked.amount)
    if state != "open" or amount <= held:
        return Granted()
    own = set(json.loads(keys))
    others = [
        Standing(standing.spent, MicroUSD(standing.reserved - held)) if charge.key in own else standing
        for charge, standing in zip(asked.charges, standings(db, asked.charges), strict=True)
    ]
    verdict = admit(asked.charges, others, asked.amount)
    if isinstance(verdict, Refused):
        return verdict
    _book(db, keys, release=held - amount, spend=0)
    db.execute(
        "UPDATE reservation SET amount = ?, seen = max(seen, ?), lease_until = max(lease_until, ?) WHERE id = ?",
        (amount, _clamped(asked.seen), asked.lease_until, asked.id),
    )
    return verdict


def held_by(db: sqlite3.Connection, id: str) -> int:
    """µ$ that an open reservation holds."""
    row = db.execute("SELECT amount FROM reservation WHERE id = ? AND state = 'open'", (id,)).fetchone()
    return int(row[0]) if row is not None else 0


def is_open(db: sqlite3.Connection, id: str) -> bool:
    """Whether this reservation holds anything."""
    return db.execute("SELECT 1 FROM reservation WHERE id = ? AND state = 'open'", (id,)).fetchone() is not None


def renew(db: sqlite3.Connection, seen: Mapping[str, int], lease_until: float) -> None:
    """Extend the open ones among these; what was seen never shrinks."""
    db.executemany(
        "UPDATE reservation SET lease_until = ?, seen = max(seen, ?) WHERE id = ? AND state = 'open'",
        [(lease_until, _clamped(cost), id) for id, cost in seen.items()],
    )


def note(db: sqlite3.Connection, seen: Mapping[str, int]) -> None:
    """As `renew`, but leaves the leases: their index is not touched, so that noting every second stays cheap."""
    db.executemany(
        "UPDATE reservation SET seen = max(seen, ?) WHERE id = ? AND state = 'open'",
        [(_clamped(cost), id) for id, cost in seen.items()],
    )


def settle(db: sqlite3.Connection, end: Settlement, now: float) -> None:
    """Once for each id. The keys of the reservation are charged; where there is none, those of the settlement."""
    cost = _clamped(end.cost)
    row = db.execute("SELECT state, keys, amount, seen FROM reservation WHERE id = ?", (end.id,)).fetchone()
    if row is None:
        _add(db, end.charges, spend=cost, reserve=0, now=now)
        # What is charged or learnt here must not be so twice, and a reservation that comes late must hold nothing.
        db.execute("INSERT INTO reservation VALUES (?, '[]', 0, ?, ?, 'settled')", (end.id, cost, now))
    else:
        state, keys, amount, seen = row
        if state == "settled":
            return
        release, spend = (amount, cost) if state == "open" else (0, cost - seen)
        _book(db, keys, release, spend)
        db.execute("UPDATE reservation SET state = 'settled', seen = ? WHERE id = ?", (cost, end.id))
    lessons.learn(db, end, now)


def has_lapsed(db: sqlite3.Connection, now: float) -> bool:
    found = db.execute("SELECT 1 FROM reservation WHERE state = 'open' AND lease_until <= ? LIMIT 1", (now,)).fetchone()
    return found is not None


def sweep(db: sqlite3.Connection, now: float) -> int:
    """Charge those whose lease ran out with what was seen of them. Returns their number."""
    lapsed = db.execute(
        "SELECT id, keys, amount, seen FROM reservation WHERE state = 'open' AND lease_until <= ?", (now,)
    ).fetchall()
    for id, keys, amount, seen in lapsed:
        _book(db, keys, amount, seen)
        db.execute("UPDATE reservation SET state = 'lapsed' WHERE id = ?", (id,))
    return len(lapsed)


def prune(db: sqlite3.Connection, now: float) -> None:
    """Forget closed windows, ended reservations and idle output keys. Counters that hold reservations stay."""
    db.execute("DELETE FROM counter WHERE drop_after < ? AND reserved = 0", (now,))
    db.execute(
        "DELETE FROM reservation WHERE state IN ('lapsed', 'settled') AND lease_until < ?", (now - ENDED_KEPT_S,)
    )
    lessons.prune(db, now)


def counters(db: sqlite3.Connection, prefix: str) -> list[Counter]:
    rows = db.execute(
        "SELECT key, spent, reserved, resets_at FROM counter WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
        (prefix,),
    )
    return [Counter(*row) for row in rows]


def _add(db: sqlite3.Connection, charges: Iterable[Charge], *, spend: int, reserve: int, now: float) -> None:
    counters = {c.key: (c.key, spend, reserve, c.resets_at, _drop_after(c, now)) for c in charges}
    db.executemany(
        "INSERT INTO counter (key, spent, reserved, resets_at, drop_after) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) "
        f"DO UPDATE SET spent = min(spent + excluded.spent, {MOST_MICRO_USD}), "
        "reserved = reserved + excluded.reserved, drop_after = excluded.drop_after",
        counters.values(),
    )


def _book(db: sqlite3.Connection, keys: str, release: int, spend: int) -> None:
    db.execute(
        f"UPDATE counter SET reserved = reserved - ?, spent = min(spent + ?, {MOST_MICRO_USD}) WHERE key IN {_KEYS}",
        (release, spend, keys),
    )


def _clamped(amount: int) -> int:
    return min(amount, MOST_MICRO_USD)


def _keys(charges: Iterable[Charge]) -> str:
    return json.dumps([charge.key for charge in charges])


def _drop_after(charge: Charge, now: float) -> int | None:
    if charge.resets_at is not None:
        return charge.resets_at + WINDOW_GRACE_S
    return int(now) + SESSION_IDLE_S if charge.cap.per == "Session" else None
