"""The ledger on its file: money is reserved before, settled after, and never booked twice or lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.ledger_lessons import OUTPUTS_REMEMBERED
from costward_extproc.adapters.ledger_tables import MOST_MICRO_USD, Counter
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.adapters.standings import FRESH_S
from costward_extproc.core.ledger import Charge, Granted, Refused, Reservation, Settlement, Standing
from costward_extproc.errors import StoreFailure


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteLedger]:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", clock)
    yield ledger
    ledger.close()


def cap(key: str, limit: int, resets_at: int | None = 2_000_000) -> Charge:
    return Charge(key, Cap(key, "User", "Day", MicroUSD(limit)), resets_at)


def session(key: str, limit: int) -> Charge:
    return Charge(key, Cap(key, "Session", "Lifetime", MicroUSD(limit)), None)


def asks(id: str, amount: int, *charges: Charge, seen: int = 0, lease_until: float = 1_000_060.0) -> Reservation:
    return Reservation(id, charges, MicroUSD(amount), MicroUSD(seen), lease_until)


def ends(id: str, cost: int, key: str | None = None, tokens: int | None = None, *charges: Charge) -> Settlement:
    return Settlement(id, MicroUSD(cost), key, tokens, charges)


async def stand(ledger: SqliteLedger, *charges: Charge) -> list[tuple[int, int]]:
    position = await ledger.standing(charges, "none")
    return [(s.spent, s.reserved) for s in position.standings]


async def test_an_unknown_counter_stands_at_zero(ledger: SqliteLedger) -> None:
    assert await stand(ledger, cap("a", 10)) == [(0, 0)]


async def test_standings_come_in_the_order_of_the_charges(ledger: SqliteLedger) -> None:
    await ledger.reserve(asks("1", 5, cap("b", 10)))
    assert await stand(ledger, cap("c", 9), cap("b", 9), cap("a", 9)) == [(0, 0), (0, 5), (0, 0)]


async def test_reserving_is_all_or_nothing(ledger: SqliteLedger) -> None:
    roomy, tight = cap("roomy", 100), cap("tight", 10)
    assert await ledger.reserve(asks("1", 8, tight)) == Granted()
    verdict = await ledger.reserve(asks("2", 5, roomy, tight))
    assert verdict == Refused(tight, Standing(MicroUSD(0), MicroUSD(8)))
    assert await stand(ledger, roomy, tight) == [(0, 0), (0, 8)]
    assert ledger.open_reservations == 1


async def test_one_that_does_not_fit_is_admitted_alone_and_only_one(ledger: SqliteLedger) -> None:
    assert await ledger.reserve(asks("1", 50, cap("a", 10))) == Granted(alone=True)
    assert isinstance(await ledger.reserve(asks("2", 1, cap("a", 10))), Refused)
    ledger.settle(ends("1", 9))
    assert await ledger.reserve(asks("3", 50, cap("a", 10))) == Granted(alone=True)
    ledger.settle(ends("3", 3))
    assert await stand(ledger, cap("a", 10)) == [(12, 0)]
    assert isinstance(await ledger.reserve(asks("4", 1, cap("a", 10))), Refused)


async def test_settling_books_the_true_cost_once(ledger: SqliteLedger) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10), cap("b", 10)))
    for _ in range(3):
        ledger.settle(ends("1", 3))
    assert await stand(ledger, cap("a", 10), cap("b", 10)) == [(3, 0), (3, 0)]
    assert ledger.open_reservations == 0


async def test_reserving_twice_with_one_id_counts_once(ledger: SqliteLedger) -> None:
    assert await ledger.reserve(asks("1", 8, cap("a", 10))) == Granted()
    assert await ledger.reserve(asks("1", 8, cap("a", 10))) == Granted()
    assert await stand(ledger, cap("a", 10)) == [(0, 8)]


async def test_a_charge_named_twice_counts_once(ledger: SqliteLedger) -> None:
    await ledger.reserve(asks("1", 4, cap("a", 10), cap("a", 10)))
    ledger.settle(ends("1", 4))
    assert await stand(ledger, cap("a", 10)) == [(4, 0)]


async def test_a_lease_that_ran_out_is_charged_what_was_seen(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10), seen=2))
    assert await ledger.sweep(clock.now + 59) == 0
    assert await ledger.sweep(clock.now + 60) == 1
    assert await ledger.sweep(clock.now + 61) == 0
    assert await stand(ledger, cap("a", 10)) == [(2, 0)]
    assert ledger.lapsed == 1


@pytest.mark.parametrize("cost", [0, 2, 7])
async def test_settling_after_the_lease_books_the_difference_once(
    ledger: SqliteLedger, clock: Clock, cost: int
) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10), seen=2))
    await ledger.sweep(clock.now + 60)
    ledger.settle(ends("1", cost))
    ledger.settle(ends("1", cost))
    assert await stand(ledger, cap("a", 10)) == [(cost, 0)]


async def test_renewed_leases_hold_and_remember_what_was_seen(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10), seen=1))
    await ledger.reserve(asks("2", 1, cap("b", 10), seen=1))
    ledger.renew("1", 3)
    ledger.renew("1", 5)
    ledger.renew("unknown", 5)
    clock.now += 50
    await ledger.flush()
    assert await ledger.sweep(clock.now + 59) == 0
    assert await ledger.sweep(clock.now + 60) == 2
    assert await stand(ledger, cap("a", 10), cap("b", 10)) == [(5, 0), (1, 0)]


async def test_what_was_seen_never_shrinks(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10), seen=4))
    ledger.renew("1", 1)
    await ledger.flush()
    await ledger.sweep(clock.now + 60)
    assert await stand(ledger, cap("a", 10)) == [(4, 0)]


async def test_a_settled_exchange_is_not_renewed(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10)))
    ledger.settle(ends("1", 3))
    ledger.renew("1", 7)
    assert ledger.open_reservations == 0
    await ledger.flush()
    assert await ledger.sweep(clock.now + 1_000) == 0
    assert await stand(ledger, cap("a", 10)) == [(3, 0)]


async def test_keep_renews_the_living_and_sweeps_the_dead(tmp_path: Path, clock: Clock) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", clock, lease_s=0.1)
    dead = SqliteLedger(tmp_path / "ledger.sqlite", clock)
    await ledger.reserve(asks("alive", 8, cap("a", 100), seen=2, lease_until=clock.now + 0.1))
    await dead.reserve(asks("dead", 8, cap("a", 100), seen=3, lease_until=clock.now + 0.1))
    keeping = asyncio.ensure_future(ledger.keep())
    for _ in range(20):
        clock.now += 0.03
        await asyncio.sleep(0.03)
    keeping.cancel()
    assert await stand(ledger, cap("a", 100)) == [(3, 8)]
    ledger.close()
    dead.close()


async def test_keep_goes_on_after_a_failure(tmp_path: Path, clock: Clock) -> None:
    failures: list[str] = []
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", clock, lease_s=0.04, on_failure=failures.append)
    keeping = asyncio.ensure_future(ledger.keep())
    await ledger.database.run(lambda db: db.execute("ALTER TABLE reservation RENAME TO gone"))
    await asyncio.sleep(0.05)
    await ledger.database.run(lambda db: db.execute("ALTER TABLE gone RENAME TO reservation"))
    await ledger.reserve(asks("1", 8, cap("a", 10), seen=2, lease_until=clock.now))
    ledger.settle(ends("1", 2))
    await asyncio.sleep(0.03)
    assert failures
    assert set(failures) == {"sqlite"}
    assert not keeping.done()
    keeping.cancel()
    ledger.close()


async def test_typical_output_is_a_high_percentile_of_twenty_or_more(ledger: SqliteLedger, clock: Clock) -> None:
    async def typical() -> int | None:
        clock.now += 2 * FRESH_S
        return (await ledger.standing((), "p/m")).typical_output

    for n in range(1, 20):
        ledger.settle(ends(f"{n}", 0, "p/m", n))
    ledger.settle(ends("19", 0, "p/m", 9_999))
    assert await typical() is None
    ledger.settle(ends("20", 0, "p/m", 20))
    assert await typical() == 19
    for n in range(OUTPUTS_REMEMBERED):
        ledger.settle(ends(f"later{n}", 0, "p/m", 500))
    assert await typical() == 500
    assert (await ledger.standing((), "p/other")).typical_output is None


async def test_a_reserved_exchange_teaches_too_and_nonsense_does_no_harm(ledger: SqliteLedger) -> None:
    for n, tokens in enumerate([-5, 10**30, *range(30)]):
        await ledger.reserve(asks(f"{n}", 1, cap("a", 1_000)))
        ledger.settle(ends(f"{n}", 1, "p/m", tokens))
    position = await ledger.standing((cap("a", 1_000),), "p/m")
    assert position.standings[0].spent == 32
    assert position.typical_output == 29


async def test_all_survives_a_restart(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 100), seen=2))
    for n in range(20):
        ledger.settle(ends(f"s{n}", 0, "p/m", 7))
    await ledger.standing((), "")
    again = SqliteLedger(ledger.database.path, clock)
    position = await again.standing((cap("a", 100),), "p/m")
    assert (position.standings[0].reserved, position.typical_output) == (8, 7)
    assert again.open_reservations == 0
    await again.sweep(clock.now + 60)
    assert await stand(again, cap("a", 100)) == [(2, 0)]
    again.close()


async def test_pruning_forgets_what_is_over_and_nothing_else(ledger: SqliteLedger, clock: Clock) -> None:
    day = 86_400
    over = int(clock.now)
    await ledger.reserve(asks("1", 1, cap("over", 10, over), cap("forever", 10, None), session("session", 10)))
    ledger.settle(ends("1", 1))
    await ledger.reserve(asks("2", 1, cap("held", 10, over), lease_until=clock.now + 90 * day))
    await ledger.prune(clock.now + day)
    assert [c.key for c in await ledger.counters()] == ["forever", "held", "over", "session"]
    await ledger.prune(clock.now + day + 1)
    assert [c.key for c in await ledger.counters()] == ["forever", "held", "session"]
    await ledger.prune(clock.now + 31 * day)
    assert [c.key for c in await ledger.counters()] == ["forever", "held"]
    ledger.settle(ends("1", 1))
    assert await stand(ledger, cap("forever", 10)) == [(1, 0)]


async def test_what_passed_without_a_reservation_is_charged_once(ledger: SqliteLedger, clock: Clock) -> None:
    unreserved = ends("1", 7, None, None, cap("a", 10), cap("b", 10), cap("a", 10))
    assert await stand(ledger, cap("a", 10)) == [(0, 0)]
    ledger.settle(unreserved)
    assert await stand(ledger, cap("a", 10)) == [(7, 0)], "known here at once"
    ledger.settle(unreserved)
    clock.now += 2 * FRESH_S
    assert await stand(ledger, cap("a", 10), cap("b", 10)) == [(7, 0), (7, 0)]
    assert isinstance(await ledger.reserve(asks("2", 4, cap("a", 5))), Refused)
    counter = (await ledger.counters("a"))[0]
    assert counter.resets_at == 2_000_000
    await ledger.prune(2_000_000 + 86_401)
    assert await ledger.counters() == []


async def test_a_reservation_that_comes_after_its_settlement_holds_nothing(ledger: SqliteLedger, clock: Clock) -> None:
    ledger.settle(ends("1", 3, None, None, cap("a", 10)))
    assert await ledger.reserve(asks("1", 8, cap("a", 10))) == Granted()
    assert ledger.open_reservations == 0
    clock.now += 2 * FRESH_S
    assert await stand(ledger, cap("a", 10)) == [(3, 0)]


@pytest.mark.parametrize("gives_up", [False, True])
async def test_one_that_is_settled_while_it_is_being_reserved_is_charged_once(
    ledger: SqliteLedger, clock: Clock, gives_up: bool
) -> None:
    reserving = asyncio.ensure_future(ledger.reserve(asks("1", 8, cap("a", 10))))
    await asyncio.sleep(0)
    if gives_up:
        reserving.cancel()
    ledger.settle(ends("1", 3, None, None, cap("a", 10)))
    await asyncio.gather(reserving, return_exceptions=True)
    assert ledger.open_reservations == 0
    clock.now += 2 * FRESH_S
    assert await stand(ledger, cap("a", 10)) == [(3, 0)]


async def test_where_there_was_a_reservation_its_caps_count(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 10)))
    ledger.settle(ends("1", 3, None, None, cap("a", 10), cap("b", 10)))
    clock.now += 2 * FRESH_S
    assert await stand(ledger, cap("a", 10), cap("b", 10)) == [(3, 0), (0, 0)]


async def test_nonsense_amounts_are_clamped_and_still_settle(ledger: SqliteLedger, clock: Clock) -> None:
    nonsense = 2**63
    await ledger.reserve(asks("1", nonsense, cap("a", 10), seen=nonsense))
    ledger.renew("1", nonsense)
    await ledger.flush()
    for n in range(10):
        ledger.settle(ends(f"{n}", nonsense, "p/m", nonsense, cap("b", 10)))
    clock.now += 2 * FRESH_S
    assert await stand(ledger, cap("a", 10), cap("b", 10)) == [(MOST_MICRO_USD, 0), (MOST_MICRO_USD, 0)]


async def test_keep_notes_what_was_seen_long_before_the_lease_is_renewed(tmp_path: Path, clock: Clock) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", clock)
    await ledger.reserve(asks("still", 8, cap("a", 100), seen=2))
    keeping = asyncio.ensure_future(ledger.keep())
    await asyncio.sleep(0.05)
    await ledger.reserve(asks("moves", 8, cap("a", 100), seen=2))
    ledger.renew("moves", 5)
    other = sqlite3.connect(ledger.database.path)
    for _ in range(30):
        await asyncio.sleep(0.05)
        rows = other.execute("SELECT id, seen, lease_until FROM reservation ORDER BY id").fetchall()
        if rows[0][1] == 5:
            break
    assert rows == [("moves", 5, 1_000_060.0), ("still", 2, 1_000_060.0)]
    other.close()
    keeping.cancel()
    ledger.close()


async def test_what_could_not_be_noted_is_noted_later(ledger: SqliteLedger, clock: Clock) -> None:
    await ledger.reserve(asks("1", 8, cap("a", 100), seen=2))
    ledger.renew("1", 5)
    other = sqlite3.connect(ledger.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailure):
        await ledger.note()
    other.execute("ROLLBACK")
    other.close()
    await ledger.note()
    await ledger.sweep(clock.now + 60)
    assert await stand(ledger, cap("a", 100)) == [(5, 0)]


async def test_counters_can_be_read_by_prefix(ledger: SqliteLedger) -> None:
    await ledger.reserve(asks("1", 4, cap("ns/p_/x", 10), cap("ns/p%/x", 10, None), cap("ns/q", 10)))
    assert await ledger.counters("ns/p%") == [Counter("ns/p%/x", MicroUSD(0), MicroUSD(4), None)]
    assert len(await ledger.counters("ns/")) == 3
