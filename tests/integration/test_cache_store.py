"""The cache's store: what was put is found by key and by meaning until it expires, is forgotten or makes room."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from costward_extproc.adapters import cache_tables, sqlite_cache
from costward_extproc.adapters.sqlite_cache import SqliteCache
from costward_extproc.cache.entries import Entry, Selector, Vector

NOW = 1_000_000.0


def vector(direction: int, near: float = 1.0) -> Vector:
    """A unit vector with cosine `near` to the axis `direction`."""
    v = np.zeros(384, np.float32)
    v[direction] = near
    v[383] = np.sqrt(1 - near**2)
    return v


def entry(
    id: str,
    vec: Vector | None = None,
    *,
    partition: str = "p",
    key: str | None = None,
    policy: str = "ns/pol",
    model: str = "m",
    text: str = "question",
    answer: bytes = b'{"a":1}',
    created: float = NOW,
    ttl: float = 100,
) -> Entry:
    key = key or f"key-{id}"
    return Entry(id, partition, key, policy, text, answer, model, "small", 12, created, created + ttl, vec)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.fixture
async def cache(path: Path) -> AsyncIterator[SqliteCache]:
    cache = SqliteCache(path, lambda: NOW)
    yield cache
    cache.close()


def on_disk(path: Path) -> bytes:
    return path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()


async def near(cache: SqliteCache, vec: Vector, k: int = 4, now: float = NOW, partition: str = "p") -> list[str]:
    return [n.entry.id for n in await cache.near(partition, vec, k, now)]


async def test_exact_returns_all_that_was_put(cache: SqliteCache) -> None:
    cache.put(entry("1", vector(0), text="what about \ud800?", answer=b"\x00\xff"))
    found = await cache.exact("p", "key-1", NOW)
    assert found is not None
    assert (found.id, found.text, found.answer, found.rung, found.cost) == (
        "1",
        "what about \ud800?",
        b"\x00\xff",
        "small",
        12,
    )
    assert found.vector is not None
    np.testing.assert_array_equal(found.vector, vector(0))
    assert await cache.exact("p", "other", NOW) is None
    assert await cache.exact("other", "key-1", NOW) is None


async def test_near_sees_at_once_what_was_put_best_first_with_true_scores(cache: SqliteCache) -> None:
    for n, cosine in enumerate([0.5, 0.93, 0.99, 0.7, 0.95]):
        cache.put(entry(f"{cosine}", vector(0, cosine)))
        assert f"{cosine}" in await near(cache, vector(0), k=n + 1)
    found = await cache.near("p", vector(0), 3, NOW)
    assert [n.entry.id for n in found] == ["0.99", "0.95", "0.93"]
    assert [n.score for n in found] == pytest.approx([0.99, 0.95, 0.93], abs=1e-6)


async def test_partitions_never_meet(cache: SqliteCache) -> None:
    cache.put(entry("1", vector(0), partition="a"))
    assert await near(cache, vector(0), partition="b") == []
    assert await near(cache, vector(0), partition="a") == ["1"]


async def test_an_entry_without_vector_is_for_the_exact_tier_only(cache: SqliteCache) -> None:
    cache.put(entry("1"))
    assert await near(cache, vector(0)) == []
    assert await cache.exact("p", "key-1", NOW) is not None


async def test_the_same_key_replaces(cache: SqliteCache) -> None:
    cache.put(entry("old", vector(0), key="k"))
    assert await near(cache, vector(0)) == ["old"]
    cache.put(entry("new", vector(1), key="k"))
    assert await near(cache, vector(0)) == ["new"]
    found = await cache.exact("p", "k", NOW)
    assert found is not None
    assert found.id == "new"
    assert len(cache.index.partition("p")) == 1


async def test_expired_entries_are_not_served(cache: SqliteCache) -> None:
    for n in range(40):
        cache.put(entry(f"{n}", vector(n), ttl=10))
    cache.put(entry("fresh", vector(50), ttl=20))
    assert len(await near(cache, vector(0), k=99)) == 16
    assert await near(cache, vector(0), k=99, now=NOW + 10) == ["fresh"]
    assert await cache.exact("p", "key-1", NOW + 10) is None


async def test_a_restart_starts_warm(cache: SqliteCache, path: Path) -> None:
    cache.put(entry("1", vector(0)))
    cache.close()
    again = SqliteCache(path, lambda: NOW)
    assert await near(again, vector(0)) == ["1"]
    assert await again.exact("p", "key-1", NOW) is not None
    again.close()


async def test_workers_see_each_others_entries_and_forgettings(cache: SqliteCache, path: Path) -> None:
    other = SqliteCache(path, lambda: NOW)
    cache.put(entry("1", vector(0)))
    assert await near(cache, vector(0)) == ["1"]
    assert await near(other, vector(0)) == ["1"]
    other.put(entry("2", vector(0, 0.9)))
    await other.exact("p", "key-2", NOW)
    assert await near(cache, vector(0)) == ["1", "2"]
    assert await cache.forget(Selector(partition="p")) == 2
    assert await near(other, vector(0)) == []
    other.close()


@pytest.mark.parametrize(
    ("selector", "left"),
    [
        (Selector(), []),
        (Selector(policy="ns/a"), ["3"]),
        (Selector(policy="ns/a", model="m2"), ["1", "3"]),
        (Selector(model="m1"), ["2"]),
        (Selector(partition="nowhere"), ["1", "2", "3"]),
    ],
)
async def test_forgetting_selects_by_all_given_fields(cache: SqliteCache, selector: Selector, left: list[str]) -> None:
    cache.put(entry("1", vector(0), policy="ns/a", model="m1"))
    cache.put(entry("2", vector(0, 0.9), policy="ns/a", model="m2"))
    cache.put(entry("3", vector(0, 0.8), policy="ns/b", model="m1"))
    assert await near(cache, vector(0)) == ["1", "2", "3"]
    assert await cache.forget(selector) == 3 - len(left)
    assert len(cache.index) == 0, "the vectors of forgotten texts leave the memory too"
    assert await near(cache, vector(0)) == left


async def test_what_is_forgotten_is_gone_from_the_disk(cache: SqliteCache, path: Path) -> None:
    for n in range(700):
        cache.put(entry(f"{n}", text="a very private question", answer=b"a very private answer"))
    await cache.database.checkpoint()
    assert b"very private" in on_disk(path)
    assert await cache.forget(Selector(policy="ns/pol")) == 700
    assert b"very private" not in on_disk(path)


async def test_maintaining_removes_the_expired(cache: SqliteCache) -> None:
    for n in range(1_200):
        cache.put(entry(f"{n}", ttl=10 if n else 20))
    assert await cache.maintain(NOW + 15) == 1_199
    assert cache.evicted == 1_199
    assert await cache.exact("p", "key-0", NOW + 15) is not None


async def test_the_longest_unused_make_room(path: Path) -> None:
    cache = SqliteCache(path, lambda: NOW, max_bytes=50_000)
    for n in range(100):
        cache.put(entry(f"{n}", answer=bytes(1_000), created=NOW + n, ttl=1_000))
    assert await cache.exact("p", "key-0", NOW + 200) is not None
    assert await cache.maintain(NOW + 200) > 60
    left = [n for n in range(100) if await cache.exact("p", f"key-{n}", NOW + 200)]
    assert left[0] == 0
    assert left[1:] == list(range(100 - len(left) + 1, 100))
    assert await cache.maintain(NOW + 200) == 0
    cache.close()


async def test_too_large_an_answer_is_not_taken(cache: SqliteCache) -> None:
    cache.put(entry("1", answer=bytes(sqlite_cache.MAX_ENTRY_BYTES)))
    assert await cache.exact("p", "key-1", NOW) is None
    assert cache.dropped == 1


async def test_a_stalled_disk_drops_entries_instead_of_filling_memory(path: Path) -> None:
    failures: list[str] = []
    cache = SqliteCache(path, lambda: NOW, on_failure=failures.append)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for n in range(60):
        cache.put(entry(f"{n}", answer=bytes(10**6)))
    assert 60 - cache.dropped <= sqlite_cache.MAX_PENDING_BYTES // 10**6 + 1
    lock.execute("ROLLBACK")
    lock.close()
    await cache.exact("p", "key-1", NOW)
    cache.put(entry("after"))
    assert await cache.exact("p", "key-after", NOW) is not None
    cache.close()


async def test_a_cold_partition_of_several_chunks_is_read_whole(cache: SqliteCache, path: Path) -> None:
    rest = 2 * cache_tables.NEWS_ROWS
    for n in range(rest + 100):
        cache.put(entry(f"{n}", vector(200) if n < rest else vector(n - rest)))
    await cache.exact("p", "x", NOW)
    cold = SqliteCache(path, lambda: NOW)
    results = await asyncio.gather(*(near(cold, vector(n), k=1) for n in range(100)))
    assert results == [[f"{rest + n}"] for n in range(100)]
    cold.close()


async def test_neighbours_below_what_is_asked_are_not_loaded(cache: SqliteCache) -> None:
    cache.put(entry("same", vector(1)))
    cache.put(entry("other", vector(2)))
    found = await cache.near("p", vector(1), 4, NOW, at_least=0.99)
    assert [neighbour.entry.id for neighbour in found] == ["same"]


async def test_concurrent_searches_of_a_cold_partition_agree(cache: SqliteCache, path: Path) -> None:
    for n in range(200):
        cache.put(entry(f"{n}", vector(n)))
    cold = SqliteCache(path, lambda: NOW)
    await cache.exact("p", "x", NOW)
    results = await asyncio.gather(*(near(cold, vector(n), k=1) for n in range(50)))
    assert results == [[f"{n}"] for n in range(50)]
    assert len(cold.index.partition("p")) == 200
    cold.close()


async def test_keep_maintains_by_the_clock(path: Path) -> None:
    cache = SqliteCache(path, lambda: NOW + 50)
    cache.put(entry("1", ttl=10))
    keeping = asyncio.ensure_future(cache.keep())
    await asyncio.sleep(0.02)
    assert cache.evicted == 1
    keeping.cancel()
    cache.close()
