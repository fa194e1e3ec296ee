"""What the ledger learns of usage: means that weigh each exchange by its tokens and follow change, in one row a key."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.ledger_lessons import HABIT_NEEDED, HABIT_REMEMBERED, OUTPUT_IDLE_S
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.adapters.standings import FRESH_S
from costward_extproc.core.ledger import Charge, Habit, Reservation, Settlement, Told

KEY = "policy:model"
TOLD = Told(counted=100, input=110, cached=55, written=22, written_1h=11, hidden=30)


class World:
    """A ledger, and a clock that is moved by hand."""

    def __init__(self, path: Path) -> None:
        self.now = 1_000_000.0
        self.path = path
        self.ledger = SqliteLedger(path, lambda: self.now)
        self._settled = 0

    def teach(self, told: Told, times: int = 1, key: str = KEY) -> None:
        for _ in range(times):
            self._settled += 1
            self.ledger.settle(Settlement(f"{self._settled}", MicroUSD(0), key, 7, told=told))

    async def habit(self, key: str = KEY) -> Habit | None:
        self.now += 2 * FRESH_S
        return (await self.ledger.standing((), key)).habit

    def restart(self) -> None:
        self.ledger.close()
        self.ledger = SqliteLedger(self.path, lambda: self.now)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "ledger.sqlite")
    yield world
    world.ledger.close()


async def test_a_few_exchanges_are_no_habit_yet(world: World) -> None:
    world.teach(TOLD, HABIT_NEEDED - 1)
    assert await world.habit() is None
    world.teach(TOLD)
    _same(await world.habit(), Habit(input=1.1, cached=0.5, written=0.2, written_1h=0.1, hidden=30))
    assert await world.habit("another:model") is None


async def test_a_large_prompt_counts_by_its_size(world: World) -> None:
    """For a sum of money is what has to be right."""
    world.teach(Told(10, 10, 0, 0, 0, 0), 9)
    world.teach(Told(910, 910, 500, 0, 0, 10))
    _same(await world.habit(), Habit(1, 0.5, 0, 0, hidden=1))


async def test_it_is_known_again_half_a_second_after_it_was_read(world: World) -> None:
    """What is remembered beside the file is the same as what the file says."""
    world.teach(TOLD, HABIT_NEEDED)
    read = await world.habit()
    remembered = (await world.ledger.standing((), KEY)).habit
    assert read == remembered is not None


async def test_it_follows_change(world: World) -> None:
    world.teach(TOLD, 3 * HABIT_REMEMBERED)
    world.teach(replace(TOLD, cached=0), HABIT_REMEMBERED)
    habit = await world.habit()
    assert habit is not None
    # What is older than it remembers counts for a third: the newer half for two thirds.
    assert 0.15 < habit.cached < 0.2
    assert habit.hidden == pytest.approx(30)


async def test_an_exchange_that_is_told_twice_teaches_once(world: World) -> None:
    cap = Charge("c", Cap("c", "User", "Day", MicroUSD(100)), 2_000_000)
    await world.ledger.reserve(Reservation("twice", (cap,), MicroUSD(1), MicroUSD(1), 1_000_060.0))
    for _ in range(HABIT_NEEDED):
        world.ledger.settle(Settlement("twice", MicroUSD(1), KEY, 7, told=TOLD))
    assert await world.habit() is None


async def test_nonsense_does_no_harm(world: World) -> None:
    world.teach(Told(0, 0, 0, 0, 0, 0), HABIT_NEEDED)
    assert await world.habit() is None
    world.teach(Told(10**40, 10**40, -5, 0, 0, 10**40))
    habit = await world.habit()
    assert habit is not None
    assert (habit.input, habit.cached) == (1, 0)


async def test_it_survives_a_restart_until_it_is_idle_for_a_month(world: World) -> None:
    world.teach(TOLD, HABIT_NEEDED)
    world.restart()
    _same(await world.habit(), Habit(1.1, 0.5, 0.2, 0.1, 30))
    await world.ledger.prune(world.now + OUTPUT_IDLE_S - 10)
    assert await world.habit() is not None
    await world.ledger.prune(world.now + OUTPUT_IDLE_S + 10)
    assert await world.habit() is None


async def test_a_file_from_before_there_were_habits_keeps_its_counters(world: World) -> None:
    cap = Charge("c", Cap("c", "User", "Day", MicroUSD(100)), 2_000_000)
    world.ledger.settle(Settlement("old", MicroUSD(5), charges=(cap,)))
    await world.ledger.standing((cap,), KEY)
    world.ledger.close()
    with sqlite3.connect(world.path) as db:
        db.execute("DROP TABLE habit")
    db.close()
    world.restart()
    world.teach(TOLD, HABIT_NEEDED)
    assert await world.habit() is not None
    assert [counter.spent for counter in await world.ledger.counters()] == [5]


def _same(habit: Habit | None, expected: Habit) -> None:
    assert habit is not None
    names = ("input", "cached", "written", "written_1h", "hidden")
    assert [getattr(habit, name) for name in names] == pytest.approx([getattr(expected, name) for name in names])
