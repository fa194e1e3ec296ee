"""What is known of one exchange so far. Each step of the machine adds to it; the record is made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from costward_contract.snapshot import LadderStep, Policy, PriceOverride, Snapshot

from costward_extproc.cache.entries import Vector
from costward_extproc.core.caps import Reached
from costward_extproc.core.decide import Plan
from costward_extproc.core.events import Headers
from costward_extproc.core.evolve import evolve
from costward_extproc.core.identity import Caller
from costward_extproc.core.ledger import Charge, Position
from costward_extproc.core.means import Means
from costward_extproc.core.money import Quote, Rates
from costward_extproc.core.record import Attempt, CacheNote, DecisionKind, RouteNote
from costward_extproc.core.relief import Relief
from costward_extproc.core.service_tiers import quote_at
from costward_extproc.core.tickets import Second
from costward_extproc.dialects.base import Asked, Dialect
from costward_extproc.dialects.registry import Endpoint

NO_ROUTE = RouteNote(rule=None, rung=None, enforced=False)
CACHE_OFF = CacheNote(outcome="off")


@dataclass(frozen=True, eq=False)
class Frame:
    """What the request headers settle once. The snapshot stays this one until the exchange ends, whatever is
    published meanwhile."""

    id: str
    at: float
    snapshot: Snapshot
    policy: Policy
    caller: Caller
    dialect: Dialect
    headers: Headers
    means: Means
    endpoint: Endpoint
    relief: Relief = Relief.NONE


@dataclass(frozen=True, slots=True)
class Slot:
    """Where this request's answer lives in the cache, if anywhere."""

    partition: str
    key: str
    lookup: bool
    """False: the caller said no-cache; a fresh answer is stored all the same."""
    store: bool
    max_age: float | None
    semantic: bool


@dataclass(frozen=True, eq=False)
class Case:
    frame: Frame
    body_bytes: int = 0
    asked: Asked | None = None
    """None: the body has no single safe reading."""
    unreadable: str | None = None
    by_headers: bool = False
    """The body is not read, so the reply that lets the request go answers its headers."""
    tokens: int = 0
    charges: tuple[Charge, ...] = ()
    position: Position | None = None
    reached: Reached | None = None
    slot: Slot | None = None
    cache: CacheNote = CACHE_OFF
    plan: Plan | None = None
    vector: Vector | None = None
    neighbour_scores: tuple[float, ...] = ()
    reserved: int = 0
    seen: int = 0
    """µ$ that it cost at least, once it went upstream: the input."""
    reservation: bool = False
    """Asked of the ledger, whatever became of it: the exchange's end settles it."""
    quote: Quote | None = None
    served_tier: str | None = None
    """The service tier that the answer tells; None: it is not known yet."""
    decision: DecisionKind = "pass"
    reason: str = "pass"
    decided_at: float | None = None
    warnings: tuple[str, ...] = field(default=())
    second: Second | None = None
    """What a second attempt would be, where one is arranged."""
    failed: tuple[Attempt, ...] = ()
    """Attempts that gave no answer to the caller."""

    def but(self, **changes: Any) -> Case:
        return evolve(self, **changes)

    def warned(self, code: str) -> Case:
        return self if code in self.warnings else evolve(self, warnings=(*self.warnings, code))

    @property
    def step(self) -> LadderStep | None:
        """The ladder step in force."""
        return self.reached.step if self.reached else None

    @property
    def route_off(self) -> bool:
        """The caller wants no other model than the one it named."""
        return self.frame.headers.get("x-costward-route", "").strip().lower() == "off"

    @property
    def asks_for_usage(self) -> bool:
        """Whether we ask a stream for its usage, which its client did not, and so take it out again."""
        return self.asked is not None and self.asked.stream and not self.asked.include_usage

    @property
    def policy(self) -> Policy:
        return self.frame.policy

    @property
    def means(self) -> Means:
        return self.frame.means


def quote_of(case: Case, model: str) -> Quote:
    """Rates of `model` in the service tier that served, or that was asked for."""
    asked = case.asked.service_tier if case.asked is not None else ""
    return quote_at(quoted_by(case.policy, case.means.quote, model), asked, case.served_tier)


def quoted_by(policy: Policy, catalogue: Callable[[str], Quote], model: str) -> Quote:
    """Rates of `model` for this policy: its own price for a rung of its ladder, else the catalogue's."""
    for rung in policy.models:
        if rung.model == model and rung.price is not None:
            return Quote(model, _negotiated(rung.price, catalogue(model)), "policy")
    return catalogue(model)


def _negotiated(price: PriceOverride, listed: Quote) -> Rates:
    """A policy names no rates of cache writes: they keep the proportion to input that the catalogue has for it."""
    rates = listed.rates
    known = listed.source == "catalogue"
    write, hour = (
        -(-price.input * rate // rates.input) if known and rate is not None else price.input
        for rate in (rates.cache_write, rates.cache_write_1h)
    )
    cached = price.input if price.cached_input is None else price.cached_input
    return Rates(price.input, price.output, cached, write, max(write, hour))
