"""What the data plane asks of the world. Adapters implement these; the server performs the core's effects on them.

Every call that may wait is a coroutine and may raise `PortFailure`: the server hands that back to the core as a
failed result, and the core decides what it means. Calls without `async` only queue work and never raise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from costward_contract.snapshot import Snapshot

from costward_extproc.cache.entries import Embedding, Entry, Neighbour, Selector, Vector
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Reservation, Settlement
from costward_extproc.core.record import Record


class Embedder(Protocol):
    @property
    def id(self) -> str:
        """Digest of the model file: vectors of two models never meet."""
        ...

    async def embed(self, text: str) -> Embedding:
        """float32[384], L2 = 1. Raises PortFailure."""
        ...


class CacheStore(Protocol):
    async def exact(self, partition: str, key: str, now: float) -> Entry | None:
        """The live entry under this key. Raises PortFailure."""
        ...

    async def near(
        self, partition: str, vector: Vector, k: int, now: float, at_least: float = -1.0
    ) -> tuple[Neighbour, ...]:
        """The k live entries nearest by cosine among those that reach `at_least`, best first. Raises PortFailure."""
        ...

    def put(self, entry: Entry) -> None:
        """Store soon; replaces an entry with the same partition and key."""
        ...

    async def forget(self, selector: Selector) -> int:
        """Remove entries, durably, before returning their number. Raises PortFailure."""
        ...


class Ledger(Protocol):
    async def standing(self, charges: Sequence[Charge], output_key: str) -> Position:
        """Where these caps stand now. Raises PortFailure."""
        ...

    async def reserve(self, reservation: Reservation) -> Granted | Refused:
        """Reserve atomically on all charges, or on none; durable before it returns. Raises PortFailure."""
        ...

    async def raise_to(self, reservation: Reservation) -> Granted | Refused:
        """The reservation of this id holds that amount from here on, on all its charges or not at all; one that does
        not exist is made, one that ended stays so. Raises PortFailure."""
        ...

    def renew(self, id: str, seen: int) -> None:
        """The exchange lives: extend its lease and remember what it has cost so far (µ$)."""
        ...

    def settle(self, settlement: Settlement) -> None:
        """End a reservation at its true cost; idempotent by id."""
        ...


class Records(Protocol):
    def write(self, record: Record) -> None: ...


class Snapshots(Protocol):
    @property
    def current(self) -> Snapshot: ...

    def watch(self) -> AsyncIterator[Snapshot]:
        """Every snapshot that takes effect, the present one first."""
        ...


@dataclass(frozen=True, slots=True)
class RungScore:
    rung: str
    p: float
    """Probability that this rung's answer meets the target."""
    evidence: float
    """Effective number of labelled outcomes behind `p`."""


class Router(Protocol):
    """The learnt router's place. No adapter yet: explicit rules decide."""

    async def score(
        self, vector: Vector | None, features: Sequence[float], keys: Sequence[str]
    ) -> tuple[RungScore, ...]:
        """Raises PortFailure."""
        ...
