"""What can happen to an exchange (events) and what it asks of its shell (effects).

Both are plain data: the shell turns Envoy's messages into events, performs effects on the ports, and hands results
back as `Done`. Nothing here knows gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from costward_extproc.cache.entries import Embedding, Entry, Neighbour, Vector
from costward_extproc.core.intake import IDLE, Intake
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Reservation, Settlement
from costward_extproc.core.record import Record

Headers: TypeAlias = Mapping[str, str]
"""Lower-case names; a repeated header's values are joined by a comma and a space, as RFC 9110 §5.3 allows."""


# Events. `at` is unix seconds, so that the core needs no clock.


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    at: float
    headers: Headers
    end: bool
    ticket: str = ""
    """Given where this is a second attempt: what the first left for it."""
    failed: int | None = None
    """Then: the status of the first; None: it gave no answer."""
    intake: Intake = IDLE
    """What other bodies are on their way."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    at: float
    chunk: bytes
    end: bool
    is_unread: bool = False
    """There is no time to read it: too much waits already."""


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    at: float
    headers: Headers
    end: bool
    attempts: int = 1
    """How often Envoy went upstream."""
    failed: int | None = None
    """The last status of 400 or above that an attempt was answered with."""
    verdict: str = ""
    """What a second attempt left, where there was one that we saw."""


@dataclass(frozen=True, slots=True)
class ResponseBody:
    at: float
    chunk: bytes
    end: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream is over: after the reply to its last message, or because the client or Envoy left."""

    at: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation's result where its port failed or the deadline passed; `reason` is a word for metrics."""

    reason: str


Result: TypeAlias = Position | Entry | Embedding | tuple[Neighbour, ...] | Granted | Refused | Failure | None


@dataclass(frozen=True, slots=True)
class Done:
    """The result of the operation `op`."""

    at: float
    op: str
    value: Result


Given: TypeAlias = RequestHeaders | RequestBody | ResponseHeaders | ResponseBody | Closed | Done


@dataclass(frozen=True, slots=True)
class Broken:
    """A step with `event` raised: a defect of ours. What waits for an answer still gets one."""

    event: Given


Event: TypeAlias = Given | Broken


# Effects that answer Envoy. Each message gets exactly one of them (ref: ext_proc.proto, failure_mode_allow).


@dataclass(frozen=True, slots=True)
class LetGo:
    """End the stream without a wish: the rest of the exchange flows past us untouched."""


@dataclass(frozen=True, slots=True)
class ReadOn:
    """Answer the request headers: send the body BUFFERED, then the response's headers and its body STREAMED."""

    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoUpstream:
    """Answer the request body (or body-less headers): on to the provider, with `body` instead if it is given."""

    to: Literal["headers", "body"]
    body: bytes | None = None
    remove: tuple[str, ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    """Headers for Envoy's router, which takes them out again."""
    ticket: str = ""
    """For a second attempt, if there is one."""
    verdict: str = ""
    """On a second attempt: what became of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the caller now, without going upstream."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str
    verdict: str = ""
    """On a second attempt: what became of it."""


@dataclass(frozen=True, slots=True)
class PassHeaders:
    """Answer the response headers, with ours added and what is no longer true taken out."""

    add: tuple[tuple[str, str], ...]
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassChunk:
    """Answer a response chunk; None lets it flow as it is."""

    body: bytes | None = None


Reply: TypeAlias = LetGo | ReadOn | GoUpstream | Answer | PassHeaders | PassChunk


# Effects whose results come back as Done(op, ...).


@dataclass(frozen=True, slots=True)
class Stand:
    charges: tuple[Charge, ...]
    output_key: str
    op: Literal["stand"] = "stand"


@dataclass(frozen=True, slots=True)
class FindExact:
    partition: str
    key: str
    op: Literal["exact"] = "exact"


@dataclass(frozen=True, slots=True)
class Embed:
    text: str
    op: Literal["embed"] = "embed"


@dataclass(frozen=True, slots=True, eq=False)
class FindNear:
    partition: str
    vector: Vector
    k: int
    at_least: float
    """Cosine similarity below which a neighbour is of no use, so that it need not be loaded."""
    op: Literal["near"] = "near"


@dataclass(frozen=True, slots=True)
class Reserve:
    reservation: Reservation
    op: Literal["reserve"] = "reserve"


@dataclass(frozen=True, slots=True)
class Raise:
    """Reserve more for an exchange that goes upstream again."""

    reservation: Reservation
    op: Literal["raise"] = "raise"


Operation: TypeAlias = Stand | FindExact | Embed | FindNear | Reserve | Raise


# Effects that only queue work: they never wait and never fail towards the exchange.


@dataclass(frozen=True, slots=True)
class Renew:
    id: str
    seen: int


@dataclass(frozen=True, slots=True)
class Settle:
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Store:
    entry: Entry


@dataclass(frozen=True, slots=True)
class Write:
    record: Record


Background: TypeAlias = Renew | Settle | Store | Write
Effect: TypeAlias = Reply | Operation | Background
