"""A database behind a thread: one commit for many jobs, and the failure of one is nobody else's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event

import pytest
from costward_extproc.adapters.sqlite_file import Schema
from costward_extproc.adapters.sqlite_thread import Database
from costward_extproc.errors import SettingsError, StoreFailure

SCHEMA = Schema(1, "CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY, y)")


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
async def db(tmp_path: Path, failures: list[str]) -> AsyncIterator[Database]:
    database = Database(tmp_path / "t.sqlite", SCHEMA, failures.append)
    yield database
    database.close()


def insert(x: int) -> Callable[[sqlite3.Connection], int]:
    def job(c: sqlite3.Connection) -> int:
        c.execute("INSERT INTO t VALUES (?, 0)", (x,))
        return x

    return job


def rows(c: sqlite3.Connection) -> list[int]:
    return [x for (x,) in c.execute("SELECT x FROM t ORDER BY x")]


async def test_jobs_that_wait_share_one_commit(db: Database) -> None:
    statements: list[str] = []
    await db.read(lambda c: c.set_trace_callback(statements.append))
    hold = Event()
    blocker = asyncio.ensure_future(db.read(lambda _c: hold.wait(5)))
    await asyncio.sleep(0.02)
    jobs = [asyncio.ensure_future(db.run(insert(x))) for x in range(50)]
    seen = asyncio.ensure_future(db.read(rows))
    await asyncio.sleep(0)
    hold.set()
    assert await asyncio.gather(*jobs) == list(range(50))
    assert await seen == list(range(50)), "a later job of the batch sees the earlier ones"
    await blocker
    assert statements.count("COMMIT") == 1


async def test_a_job_that_raises_is_undone_alone(db: Database, failures: list[str]) -> None:
    def half(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO t VALUES (100, 0)")
        raise LookupError("x")

    hold = Event()
    blocker = asyncio.ensure_future(db.read(lambda _c: hold.wait(5)))
    await asyncio.sleep(0.02)
    good, bad, double = (asyncio.ensure_future(db.run(job)) for job in (insert(1), half, insert(1)))
    db.post(half)
    last = asyncio.ensure_future(db.run(insert(2)))
    await asyncio.sleep(0)
    hold.set()
    await blocker
    assert await good == 1
    with pytest.raises(LookupError):
        await bad
    with pytest.raises(StoreFailure, match=r"^sqlite$"):
        await double
    assert await last == 2
    assert await db.read(rows) == [1, 2]
    assert failures == ["LookupError"]


async def test_reading_needs_no_write_lock(db: Database) -> None:
    await db.run(insert(1))
    other = sqlite3.connect(db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert await asyncio.wait_for(db.read(rows), 10) == [1]
        with pytest.raises(StoreFailure, match=r"^busy$"):
            await db.run(insert(2))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert await db.run(insert(3)) == 3, "it goes on once the lock is free"
    assert await db.read(rows) == [1, 3]


async def test_a_cancelled_caller_does_not_stop_its_job(db: Database) -> None:
    hold = Event()
    blocker = asyncio.ensure_future(db.read(lambda _c: hold.wait(5)))
    await asyncio.sleep(0.02)
    gone, stays = (asyncio.ensure_future(db.run(insert(x))) for x in (7, 8))
    await asyncio.sleep(0)
    gone.cancel()
    hold.set()
    await blocker
    assert await asyncio.wait_for(stays, 10) == 8
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await db.read(rows) == [7, 8]


async def test_close_finishes_what_is_queued(tmp_path: Path, failures: list[str]) -> None:
    database = Database(tmp_path / "t.sqlite", SCHEMA, failures.append)
    for x in range(1_000):
        database.post(insert(x))
    database.close()
    database.close()
    with sqlite3.connect(database.path) as other:
        assert len(rows(other)) == 1_000
    other.close()
    database.post(insert(1))
    assert failures == ["closed"]
    with pytest.raises(StoreFailure, match=r"^closed$"):
        await database.run(insert(1))


async def test_a_full_disk_fails_its_jobs_and_then_goes_on(db: Database) -> None:
    await db.run(insert(1))
    pages = await db.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await db.read(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchone())

    def large(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO t VALUES (2, ?)", (bytes(100_000),))

    with pytest.raises(StoreFailure, match=r"^disk-full$"):
        await db.run(large)
    await db.read(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone())
    await db.run(large)
    assert await db.read(rows) == [1, 2]


async def test_a_lost_transaction_fails_all_its_writers(db: Database) -> None:
    """SQLite may drop a whole transaction by itself; none of its jobs may then be told that it is done."""
    hold = Event()
    blocker = asyncio.ensure_future(db.read(lambda _c: hold.wait(5)))
    await asyncio.sleep(0.02)

    def drop(c: sqlite3.Connection) -> None:
        c.execute("INSERT OR ROLLBACK INTO t VALUES (1, 0)")

    jobs = [asyncio.ensure_future(db.run(job)) for job in (insert(1), drop, insert(2))]
    await asyncio.sleep(0)
    hold.set()
    await blocker
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(isinstance(result, StoreFailure) for result in results)
    assert await db.read(rows) == []


async def test_checkpoint_empties_the_log(db: Database) -> None:
    await db.run(insert(1))
    log = db.path.with_name(db.path.name + "-wal")
    assert log.stat().st_size > 0
    await db.checkpoint()
    assert log.stat().st_size == 0


def test_a_folder_that_cannot_be_written_is_said_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"t\.sqlite cannot be used .*(mount|check) .*"):
        Database(tmp_path / "file" / "t.sqlite", SCHEMA)
