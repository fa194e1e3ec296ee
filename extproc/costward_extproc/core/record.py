"""Record v1: what is written down about one exchange.

The decision line, the books, `explain` and `replay` are views of it. It never holds prompt or answer text, nor
identities in clear: users and sessions are keyed digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from costward_extproc.core.money import PriceSource, Usage

DecisionKind = Literal["pass", "hit-exact", "hit-semantic", "route", "degrade", "refuse"]
End = Literal["complete", "aborted", "error"]

UNPRICED = "unpriced-endpoint"
"""Reason of an exchange with an endpoint that no codec reads and that is not free, passed or refused."""


@dataclass(frozen=True)
class CacheNote:
    """What the cache did or, in Observe, would have done."""

    outcome: Literal["off", "bypass", "miss", "hit", "would-hit", "vetoed", "unavailable"]
    reason: str | None = None
    tier: Literal["exact", "semantic"] | None = None
    partition: str | None = None
    entry: str | None = None
    score: float | None = None
    threshold: float | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class RouteNote:
    """Which rule chose which rung; `enforced` is False where the policy only observes."""

    rule: str | None
    rung: str | None
    enforced: bool


@dataclass(frozen=True, slots=True)
class CapNote:
    """Where one cap stood when the decision was taken, in µ$."""

    id: str
    limit: int
    spent: int
    reserved: int
    resets_at: int | None
    step: str | None = None
    """The ladder step in force: Warn, UseModel or Message."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the decision rested on."""

    tokens: int | None = None
    max_tokens: int | None = None
    messages: int = 0
    tools: int = 0
    stream: bool = False
    body_bytes: int = 0
    task_type: str | None = None
    exact_key: str | None = None
    neighbour_scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try upstream."""

    model: str | None
    status: int | None
    """None: no answer began."""
    cost: int = 0
    """µ$."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the request headers arrived; None where that point was not reached."""

    decided: float | None = None
    first_byte: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    id: str
    at: float
    """Unix seconds of the request headers."""
    cluster: str
    workload: str
    policy: str | None
    generation: int | None
    snapshot: str
    dialect: str | None
    """None: no codec reads this endpoint."""
    asked_model: str | None
    served_model: str | None
    rung: str | None
    tenant: str | None
    user: str | None
    """Keyed digest."""
    tier: str | None
    session: str | None
    """Keyed digest."""
    decision: DecisionKind
    reason: str
    """Code: what rule led to the decision, for example `miss`, `opaque-body`, `cap-spent`."""
    owner: str | None
    task: str | None
    cache: CacheNote
    route: RouteNote
    inputs: Inputs
    caps: tuple[CapNote, ...]
    attempts: tuple[Attempt, ...]
    usage: Usage
    price_source: PriceSource | None
    reserved: int
    """µ$ that were reserved for it."""
    cost: int
    """µ$ that the caller's caps were charged."""
    baseline: int
    """µ$ that the caller would have paid without us; `baseline - cost` is what was saved."""
    end: End
    status: int | None
    warnings: tuple[str, ...] = ()
    """Codes of everything that was not as it should be: a port that failed, an estimate, an unknown price."""
    timings: Timings = Timings()
    endpoint: str | None = None
    """What it was for, a word of a closed set: `chat`, `messages`, `batches`, `websocket`, `unknown`."""
    v: int = 1
