"""The ledger of one machine: a SQLite file that all workers share and that survives them.

Reserving waits for its commit, so that a granted reservation is never forgotten. Renewing does not write: what was
seen of live exchanges is written for all of them together by `keep`, at most once a second, never once per chunk.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from costward_extproc.adapters import ledger_tables as tables
from costward_extproc.adapters.ledger_tables import LEDGER_SCHEMA, Counter
from costward_extproc.adapters.sqlite_thread import Database, StoreThread
from costward_extproc.adapters.standings import Standings
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Reservation, Settlement
from costward_extproc.core.means import LEASE_S
from costward_extproc.errors import StoreFailure

SWEEP_S = 1.0
"""A lease that ran out stands in the way of others until it is swept, and what was seen of a stream is lost by a kill
until it is noted; one indexed read and at most one write a second cost nothing."""

PRUNE_S = 3_600.0
"""What is pruned is days old: an hour sooner or later does not matter."""


@dataclass(slots=True)
class _Live:
    """A reservation of this process."""

    keys: tuple[str, ...]
    amount: int
    seen: int


class SqliteLedger:
    """Implements `ports.Ledger`. Run `keep()` as a task for as long as it lives."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        lease_s: float = LEASE_S,
        on_failure: Callable[[str], None] = lambda _word: None,
        thread: StoreThread | None = None,
    ) -> None:
        """`clock` gives Unix seconds. `on_failure` counts settlements and renewals that could not be written: their
        leases then end by themselves, charged what was last seen. Raises SettingsError."""
        self.database = Database(path, LEDGER_SCHEMA, on_failure, thread)
        self.lease_s = lease_s
        self.lapsed = 0
        """Reservations that this process found dead and charged, since start."""
        self._clock = clock
        self._on_failure = on_failure
        self._live: dict[str, _Live] = {}
        self._asked: set[str] = set()
        """Reservations whose answer is awaited, unless they were settled meanwhile."""
        self._moved: set[str] = set()
        """Live ones of which more was seen than is noted in the file."""
        self._standings = Standings()

    @property
    def open_reservations(self) -> int:
        """Live exchanges of this process that hold a reservation."""
        return len(self._live)

    async def standing(self, charges: Sequence[Charge], output_key: str) -> Position:
        """What is known here, else what the file says (see standings.py)."""
        known = self._standings.position(charges, output_key, self._clock())
        if known is not None:
            return known
        asked = self._standings.changes
        position = await self.database.read(lambda db: tables.position(db, charges, output_key))
        self._standings.learn(charges, output_key, position, asked, self._clock())
        return position

    async def reserve(self, reservation: Reservation) -> Granted | Refused:
        now = self._clock()
        self._asked.add(reservation.id)
        try:
            verdict, holds = await self.database.run(
                lambda db: (tables.reserve(db, reservation, now), tables.is_open(db, reservation.id))
            )
            holds = holds and reservation.id in self._asked
        finally:
            self._asked.discard(reservation.id)
        if holds and reservation.id not in self._live:
            keys = tuple({charge.key for charge in reservation.charges})
            self._live[reservation.id] = _Live(keys, reservation.amount, reservation.seen)
            self._standings.book(keys, reserved=reservation.amount, spent=0)
        return verdict

    async def raise_to(self, reservation: Reservation) -> Granted | Refused:
        """Here the reservation may be another worker's: the file knows it, and what is kept in memory only follows."""
        now, id = self._clock(), reservation.id
        before, verdict, after = await self.database.run(
            lambda db: (tables.held_by(db, id), tables.raise_to(db, reservation, now), tables.held_by(db, id))
        )
        self._standings.book({charge.key for charge in reservation.charges}, reserved=after - before, spent=0)
        live = self._live.get(id)
        if live is not None:
            live.amount, live.seen = after, max(live.seen, reservation.seen)
        return verdict

    def renew(self, id: str, seen: int) -> None:
        if id in self._live:
            self._live[id].seen = seen
            self._moved.add(id)

    def settle(self, settlement: Settlement) -> None:
        now = self._clock()
        self._asked.discard(settlement.id)
        self._moved.discard(settlement.id)
        live = self._live.pop(settlement.id, None)
        if live is not None:
            self._standings.book(live.keys, reserved=-live.amount, spent=settlement.cost)
        else:
            # Said twice it counts twice here, until the file is asked again half a second later; never in the file.
            self._standings.book({charge.key for charge in settlement.charges}, reserved=0, spent=settlement.cost)
        self.database.post(lambda db: tables.settle(db, settlement, now))

    async def counters(self, prefix: str = "") -> list[Counter]:
        """All counters whose key begins with `prefix`, by key. Raises StoreFailure."""
        return await self.database.read(lambda db: tables.counters(db, prefix))

    async def flush(self) -> None:
        """Write what was seen of this process's live exchanges and extend their leases. Raises StoreFailure."""
        seen = {id: live.seen for id, live in self._live.items()}
        if seen:
            lease_until = self._clock() + self.lease_s
            await self._write_seen(lambda db: tables.renew(db, seen, lease_until))

    async def note(self) -> None:
        """Write what was seen of those that moved since the last time, in one write. Raises StoreFailure."""
        seen = {id: self._live[id].seen for id in self._moved}
        if seen:
            await self._write_seen(lambda db: tables.note(db, seen))

    async def _write_seen(self, write: Callable[[sqlite3.Connection], None]) -> None:
        moved, self._moved = self._moved, set()
        try:
            await self.database.run(write)
        except StoreFailure:
            self._moved |= moved & self._live.keys()
            raise

    async def sweep(self, now: float) -> int:
        """Close reservations whose lease ran out before `now`. Returns their number. Raises StoreFailure."""
        if not await self.database.read(lambda db: tables.has_lapsed(db, now)):
            return 0
        lapsed = await self.database.run(lambda db: tables.sweep(db, now))
        self.lapsed += lapsed
        return lapsed

    async def prune(self, now: float) -> None:
        """Forget windows and reservations that ended long ago. Raises StoreFailure."""
        await self.database.run(lambda db: tables.prune(db, now))

    async def keep(self) -> None:
        """Keep leases alive, note what was seen and close dead ones until cancelled. A failing store is counted and
        tried again."""
        flushed = pruned = float("-inf")
        while True:
            now = self._clock()
            try:
                # Own leases first: after a stall of this process they may have run out, and it still lives.
                if now - flushed >= self.lease_s / 4:
                    await self.flush()
                    flushed = now
                await self.note()
                await self.sweep(now)
                if now - pruned >= PRUNE_S:
                    await self.prune(now)
                    pruned = now
            except StoreFailure as failure:
                self._on_failure(failure.reason)
            await asyncio.sleep(min(SWEEP_S, self.lease_s / 4))

    def close(self) -> None:
        """Finish what is queued. Blocks: call it off the event loop."""
        self.database.close()
