"""A reservation is raised as it was made: on all its caps or not at all, whoever asks, and ended once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.core.ledger import Charge, Granted, Refused, Reservation, Settlement, Standing

NOW = 1_800_000_000.0


def charge(limit: int, name: str = "day") -> Charge:
    return Charge(f"k:{name}", Cap(f"free/User/{name}", "User", "Day", MicroUSD(limit)), int(NOW) + 60)


def reservation(amount: int, *charges: Charge, id: str = "x", seen: int = 1) -> Reservation:
    return Reservation(id, charges or (charge(100),), MicroUSD(amount), MicroUSD(seen), NOW + 60)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[SqliteLedger, SqliteLedger]]:
    """Two, on one file."""
    pair = [SqliteLedger(tmp_path / "ledger.sqlite", lambda: NOW) for _ in range(2)]
    yield pair[0], pair[1]
    for ledger in pair:
        ledger.close()


async def held(ledger: SqliteLedger) -> dict[str, tuple[int, int]]:
    return {counter.key: (counter.spent, counter.reserved) for counter in await ledger.counters()}


async def test_it_holds_the_new_amount_and_ends_once(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    await mine.reserve(reservation(40))
    assert await other.raise_to(reservation(90)) == Granted()
    assert await held(mine) == {"k:day": (0, 90)}
    mine.settle(Settlement("x", MicroUSD(70)))
    await mine.counters()
    assert await held(other) == {"k:day": (70, 0)}


async def test_it_is_never_lowered(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    await mine.reserve(reservation(40))
    assert await other.raise_to(reservation(10)) == Granted()
    assert await held(mine) == {"k:day": (0, 40)}


async def test_one_tight_cap_raises_none(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    wide, tight = charge(1_000, "wide"), charge(60, "tight")
    await mine.reserve(reservation(20, tight, id="beside"))
    await mine.reserve(reservation(40, wide, tight))
    verdict = await other.raise_to(reservation(50, wide, tight))
    assert isinstance(verdict, Refused)
    assert (verdict.charge.key, verdict.standing.reserved) == ("k:tight", 20)
    assert await held(mine) == {"k:wide": (0, 40), "k:tight": (0, 60)}


async def test_alone_it_may_pass_the_cap_as_it_may_when_it_is_made(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    await mine.reserve(reservation(40))
    assert await other.raise_to(reservation(150)) == Granted(alone=True)


async def test_one_that_ended_stays_ended(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    await mine.reserve(reservation(40))
    mine.settle(Settlement("x", MicroUSD(5)))
    await mine.counters()
    assert await other.raise_to(reservation(90)) == Granted()
    assert await held(other) == {"k:day": (5, 0)}


async def test_one_that_could_not_be_made_is_made(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    assert await other.raise_to(reservation(90)) == Granted()
    mine.settle(Settlement("x", MicroUSD(5), charges=(charge(100),)))
    await mine.counters()
    assert await held(other) == {"k:day": (5, 0)}


async def test_a_death_after_it_is_charged_both_inputs(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, other = workers
    await mine.reserve(reservation(40, seen=3))
    await other.raise_to(reservation(90, seen=9))
    assert await other.sweep(NOW + 61) == 1
    assert await held(mine) == {"k:day": (9, 0)}


async def test_what_is_known_in_memory_follows(workers: tuple[SqliteLedger, SqliteLedger]) -> None:
    mine, _ = workers
    assert (await mine.standing((charge(100),), "")).standings[0].reserved == 0
    await mine.reserve(reservation(40))
    await mine.raise_to(reservation(90))
    assert (await mine.standing((charge(100),), "")).standings[0].reserved == 90
    mine.settle(Settlement("x", MicroUSD(5)))
    assert (await mine.standing((charge(100),), "")).standings[0] == Standing(MicroUSD(5), MicroUSD(0))
