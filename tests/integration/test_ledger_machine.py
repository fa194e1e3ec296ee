"""The ledger against the simplest model of it, through every order of events including restarts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.core.ledger import Charge, Granted, Reservation, Settlement
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

T = TypeVar("T")
LIMITS = {"a": 100, "b": 60, "c": 40}
LEASE_S = 60.0


@dataclass
class Held:
    """What the model knows of one reservation."""

    keys: frozenset[str]
    amount: int
    seen: int
    lease_until: float
    known_here: bool = True
    pending: int = 0
    booked: int = 0
    state: str = "open"


@dataclass
class Model:
    held: dict[str, Held] = field(default_factory=dict)

    def spent(self, key: str) -> int:
        return sum(h.booked for h in self.held.values() if key in h.keys)

    def reserved(self, key: str) -> int:
        return sum(h.amount for h in self.held.values() if key in h.keys and h.state == "open")

    def grants(self, keys: frozenset[str], amount: int) -> bool:
        tight = [k for k in keys if self.spent(k) + self.reserved(k) + amount > LIMITS[k]]
        return all(self.reserved(k) == 0 and self.spent(k) < LIMITS[k] for k in tight)


def _charges(keys: frozenset[str]) -> tuple[Charge, ...]:
    return tuple(Charge(k, Cap(k, "User", "Day", MicroUSD(LIMITS[k])), 2_000_000) for k in sorted(keys))


class LedgerMachine(RuleBasedStateMachine):
    ids = st.sampled_from([f"x{n}" for n in range(8)])
    amounts = st.integers(0, 70)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 1_000_000.0
        self.model = Model()
        self.ledger = self.open()

    def open(self) -> SqliteLedger:
        return SqliteLedger(Path(self.folder.name) / "ledger.sqlite", lambda: self.now, LEASE_S)

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)

    @rule(id=ids, amount=amounts, seen=st.integers(0, 5), keys=st.frozensets(st.sampled_from("abc")))
    def reserve(self, id: str, amount: int, seen: int, keys: frozenset[str]) -> None:
        charges = _charges(keys)
        lease_until = self.now + LEASE_S
        verdict = self.do(self.ledger.reserve(Reservation(id, charges, MicroUSD(amount), MicroUSD(seen), lease_until)))
        if id in self.model.held:
            assert isinstance(verdict, Granted)
            if not self.model.held[id].known_here:
                # Of one that it holds already, what was seen since stands.
                self.model.held[id].known_here = True
                self.model.held[id].pending = seen
            return
        assert isinstance(verdict, Granted) == self.model.grants(keys, amount)
        if isinstance(verdict, Granted):
            self.model.held[id] = Held(keys, amount, seen, lease_until, pending=seen)

    @rule(id=ids, seen=st.integers(0, 80))
    def renew(self, id: str, seen: int) -> None:
        self.ledger.renew(id, seen)
        if (held := self.model.held.get(id)) and held.known_here:
            held.pending = seen

    @rule()
    def flush(self) -> None:
        self.do(self.ledger.flush())
        for held in self.model.held.values():
            if held.known_here and held.state == "open":
                held.seen = max(held.seen, held.pending)
                held.lease_until = self.now + LEASE_S

    @rule(id=ids, cost=st.integers(0, 80), keys=st.frozensets(st.sampled_from("abc")))
    def settle(self, id: str, cost: int, keys: frozenset[str]) -> None:
        """The keys count only where nothing was reserved."""
        self.ledger.settle(Settlement(id, MicroUSD(cost), charges=_charges(keys)))
        held = self.model.held.setdefault(id, Held(keys, 0, 0, 0, booked=cost, state="settled"))
        held.known_here = False
        if held.state != "settled":
            held.state, held.booked = "settled", cost

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0]))
    def time_passes_and_is_swept(self, seconds: float) -> None:
        self.now += seconds
        lapsed = self.do(self.ledger.sweep(self.now))
        due = [h for h in self.model.held.values() if h.state == "open" and h.lease_until <= self.now]
        assert lapsed == len(due)
        for held in due:
            held.state, held.booked = "lapsed", held.seen

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = self.open()
        for held in self.model.held.values():
            held.known_here = False

    @invariant()
    def counters_are_the_models(self) -> None:
        counters = {c.key: (c.spent, c.reserved) for c in self.do(self.ledger.counters())}
        for key in LIMITS:
            assert counters.get(key, (0, 0)) == (self.model.spent(key), self.model.reserved(key))

    def teardown(self) -> None:
        self.ledger.close()
        self.loop.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLedger = LedgerMachine.TestCase
