"""Another process holds the ledger's write lock for a while: who waits is told at once, and nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.ledger_tables import LEDGER_SCHEMA
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.adapters.sqlite_thread import Database
from costward_extproc.core.ledger import Charge, Reservation, Settlement
from costward_extproc.errors import StoreFailure

NOW = 1_000_000.0
CHARGE = Charge("cap", Cap("cap", "User", "Day", MicroUSD(100)), None)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def reserves(id: str) -> Reservation:
    return Reservation(id, (CHARGE,), MicroUSD(40), MicroUSD(1), NOW + 60)


def put(key: str, spent: int) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.execute("INSERT OR REPLACE INTO counter VALUES (?, ?, 0, NULL, NULL)", (key, spent))


def spent(key: str) -> Callable[[sqlite3.Connection], list[int]]:
    return lambda db: [n for (n,) in db.execute("SELECT spent FROM counter WHERE key = ?", (key,))]


async def test_a_settlement_outlasts_a_lock_and_a_reservation_does_not_wait_for_it(tmp_path: Path) -> None:
    failures: list[str] = []
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", lambda: NOW, on_failure=failures.append)
    await ledger.reserve(reserves("1"))
    with locked(ledger.database.path):
        ledger.settle(Settlement("1", MicroUSD(30)))
        await asyncio.sleep(0.25)
        begun = time.monotonic()
        with pytest.raises(StoreFailure, match=r"^busy$"):
            await ledger.reserve(reserves("2"))
        assert time.monotonic() - begun < 5, "the lock is not waited for to its end, which never comes here"
        ledger.settle(Settlement("2", MicroUSD(5), charges=(CHARGE,)))
    await asyncio.sleep(0.4)
    (counter,) = await ledger.counters()
    assert (counter.spent, counter.reserved) == (35, 0)
    assert failures == []
    assert ledger.database.backlog == 0
    ledger.close()


async def test_what_was_posted_first_is_written_first(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.sqlite", LEDGER_SCHEMA)
    with locked(database.path):
        for n in range(600):
            database.post(put("k", n))
        await asyncio.sleep(0.15)
        database.post(put("k", 1_000))
        await asyncio.sleep(0.15)
        assert await database.read(spent("k")) == [], "whoever reads is answered all the same"
    await database.run(put("other", 1))
    assert await database.read(spent("k")) == [1_000]
    database.close()


async def test_a_lock_that_stays_is_given_up_and_counted(tmp_path: Path) -> None:
    failures: list[str] = []
    database = Database(tmp_path / "t.sqlite", LEDGER_SCHEMA, failures.append, retry_s=0.2)
    with locked(database.path):
        database.post(put("k", 1))
        await asyncio.sleep(0.7)
        assert failures == ["busy"]
        assert database.backlog == 0
    await database.run(put("other", 1))
    assert await database.read(spent("k")) == []
    database.close()


async def test_closing_waits_for_a_short_lock(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.sqlite", LEDGER_SCHEMA)
    with locked(database.path):
        database.post(put("k", 1))
        closing = asyncio.ensure_future(asyncio.to_thread(database.close))
        await asyncio.sleep(0.3)
        assert not closing.done()
    await closing
    again = Database(tmp_path / "t.sqlite", LEDGER_SCHEMA)
    assert await again.read(spent("k")) == [1]
    again.close()
