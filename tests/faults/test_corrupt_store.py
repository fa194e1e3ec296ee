"""Damaged, foreign and junk data on disk: moved aside or missed, never served, never a crash."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.sqlite_cache import SqliteCache
from costward_extproc.adapters.sqlite_file import is_damaged
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.cache.entries import Entry, Vector
from costward_extproc.core.ledger import Charge, Granted, Reservation, Settlement
from costward_extproc.errors import StoreFailure

NOW = 1_000_000.0
CHARGE = Charge("cap", Cap("cap", "User", "Day", MicroUSD(100)), None)


def axis(n: int) -> Vector:
    v = np.zeros(384, np.float32)
    v[n] = 1
    return v


def entry(n: int) -> Entry:
    return Entry(f"{n}", "p", f"k{n}", "ns/p", "question", b"answer" * 50, "m", None, 1, NOW, NOW + 100, axis(n))


async def filled(path: Path) -> None:
    cache = SqliteCache(path, lambda: NOW)
    for n in range(200):
        cache.put(entry(n))
    cache.close()


def modes(folder: Path) -> dict[str, int]:
    return {p.relative_to(folder).as_posix(): p.stat().st_mode & 0o777 for p in folder.rglob("*")}


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(b"this is no database at all " * 500)


def flip_bits(path: Path) -> None:
    data = bytearray(path.read_bytes())
    rng = random.Random(1)
    for page in range(4_096, len(data), 4_096):
        data[page : page + 16] = rng.randbytes(16)
    path.write_bytes(data)


def another_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


@pytest.mark.parametrize("damage", [truncate, overwrite, flip_bits, another_version])
async def test_a_damaged_cache_is_moved_aside_and_starts_clean(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.sqlite"
    await filled(path)
    damage(path)
    damaged = path.read_bytes()
    cache = SqliteCache(path, lambda: NOW)
    aside = cache.database.moved_aside
    assert aside == tmp_path / "cache.sqlite.corrupt-1"
    assert aside.read_bytes() == damaged
    assert "moved to cache.sqlite.corrupt-1" in caplog.text
    assert await cache.exact("p", "k1", NOW) is None
    cache.put(entry(1))
    assert [n.entry.id for n in await cache.near("p", axis(1), 4, NOW)] == ["1"]
    cache.close()


async def test_a_second_damage_does_not_overwrite_the_first(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    for n in (1, 2):
        overwrite(path)
        cache = SqliteCache(path, lambda: NOW)
        assert cache.database.moved_aside == tmp_path / f"cache.sqlite.corrupt-{n}"
        cache.close()


async def test_a_large_file_is_looked_at_for_a_moment_only(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    await filled(path)
    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000000) SELECT max(x) FROM n"
    with sqlite3.connect(path) as db:
        begun = time.monotonic()
        assert not is_damaged(db, f"SELECT 'not ok' FROM ({slow})")
        assert time.monotonic() - begun < 20, "it takes minutes to the end"
        assert is_damaged(db, "SELECT 'not ok'")
        assert not is_damaged(db)
    db.close()


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_what_is_created_is_its_owners_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        ledger = SqliteLedger(tmp_path / "state" / "deep" / "ledger.sqlite", lambda: NOW)
        await ledger.reserve(Reservation("1", (CHARGE,), MicroUSD(40), MicroUSD(1), NOW + 60))
    finally:
        os.umask(before)
    made = modes(tmp_path)
    deep = "state/deep/ledger.sqlite"
    files = dict.fromkeys((deep, *(deep + end for end in (".lock", ".next", ".turn", "-wal", "-shm"))), 0o600)
    assert made == {"state": 0o700, "state/deep": 0o700, **files}
    ledger.close()


async def test_a_sound_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    await filled(path)
    cache = SqliteCache(path, lambda: NOW)
    assert cache.database.moved_aside is None
    assert await cache.exact("p", "k1", NOW) is not None
    cache.close()


async def test_a_damaged_cache_costs_no_money_data(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", lambda: NOW)
    await ledger.reserve(Reservation("1", (CHARGE,), MicroUSD(40), MicroUSD(1), NOW + 60))
    ledger.settle(Settlement("1", MicroUSD(30)))
    ledger.close()
    overwrite(tmp_path / "cache.sqlite")
    SqliteCache(tmp_path / "cache.sqlite", lambda: NOW).close()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", lambda: NOW)
    assert (await ledger.standing((CHARGE,), "")).standings[0].spent == 30
    ledger.close()


async def test_a_damaged_ledger_starts_anew_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    overwrite(path)
    ledger = SqliteLedger(path, lambda: NOW)
    assert ledger.database.moved_aside is not None
    verdict = await ledger.reserve(Reservation("1", (CHARGE,), MicroUSD(40), MicroUSD(1), NOW + 60))
    assert verdict == Granted()
    ledger.close()


def junk(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute(sql, values).rowcount == 1
    db.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("vector", b"short"),
        ("vector", bytes(4 * 384)),
        ("vector", np.full(384, np.nan, "<f4").tobytes()),
        ("vector", axis(3).astype("<f4").tobytes()),
        ("answer", b"another answer"),
        ("text", b"\xff\xfe"),
        ("key", "k1000"),
        ("checksum", 0),
    ],
)
async def test_a_junk_row_is_a_miss_and_counted(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "cache.sqlite"
    await filled(path)
    junk(path, f"UPDATE entry SET {column} = ? WHERE id = '1'", value)
    cache = SqliteCache(path, lambda: NOW)
    key = "k1000" if column == "key" else "k1"
    assert await cache.exact("p", key, NOW) is None
    assert cache.junk == 1
    for direction in (1, 3):
        assert "1" not in [n.entry.id for n in await cache.near("p", axis(direction), 16, NOW)]
    assert cache.junk >= 2
    assert [n.entry.id for n in await cache.near("p", axis(2), 1, NOW)] == ["2"]
    cache.close()


async def test_damage_while_running_is_a_failure_the_core_can_act_on(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    await filled(path)
    cache = SqliteCache(path, lambda: NOW)
    await cache.database.checkpoint()
    await cache.database.read(lambda db: db.execute("PRAGMA shrink_memory").fetchone())
    flip_bits(path)
    with pytest.raises(StoreFailure) as failure:
        await cache.near("p", axis(1), 4, NOW)
    assert failure.value.reason == "corrupt"
    cache.close()
