"""The states of an exchange. Each holds just what its next step needs; all are immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from costward_contract.snapshot import Snapshot

from costward_extproc.cache.entries import Entry
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.events import Effect, Result
from costward_extproc.core.identity import Workload
from costward_extproc.core.means import Means
from costward_extproc.core.relief import Relief
from costward_extproc.core.tickets import Ticket, Verdict
from costward_extproc.core.transcript import Transcript


@dataclass(frozen=True, slots=True, eq=False)
class Arriving:
    """Nothing has come yet."""

    id: str
    snapshot: Snapshot
    workload: Workload
    means: Means
    relief: Relief = Relief.NONE


@dataclass(frozen=True, slots=True, eq=False)
class Receiving:
    """Headers read, the body is on its way."""

    frame: Frame
    chunks: tuple[bytes, ...] = ()
    weight: int = 0
    """Of the body in the account of those that are on their way; 0: it does not count."""
    declared: bool = True
    """Whether its length was."""


@dataclass(frozen=True, slots=True, eq=False)
class Consulting:
    """Asked where the caps stand and whether the answer is known by the same words."""

    case: Case
    waiting: frozenset[str]
    results: tuple[tuple[str, Result], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    case: Case


@dataclass(frozen=True, slots=True, eq=False)
class Searching:
    case: Case


@dataclass(frozen=True, slots=True, eq=False)
class Reserving:
    case: Case


@dataclass(frozen=True, slots=True, eq=False)
class Upstream:
    """Sent on; the response has not begun."""

    case: Case


@dataclass(frozen=True, eq=False)
class Responding:
    """The response is flowing past."""

    case: Case
    status: int
    streamed: bool
    encoding: str
    first_byte_at: float
    transcript: Transcript
    ended: bool = False
    strip: bool = False
    """We asked for the usage chunk, so the client's stream goes without it."""
    held: bytes = b""
    renewed_at: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """We gave the answer: nothing more comes, and what is left is to write it down."""

    case: Case
    status: int
    entry: Entry | None = None
    """The stored answer, where one was served."""
    ended: Literal[True] = True


@dataclass(frozen=True, eq=False)
class Listing:
    """A list of models is asked for, to which the policy's aliases will be added."""

    case: Case
    entries: bytes
    """The aliases as members of that list."""
    held: bytes = b""
    """The beginning of the answer, until the list begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Retrying:
    """A second attempt of an exchange that another conversation accounts for; its body is on its way."""

    case: Case
    ticket: Ticket
    failed: int | None
    """Status of the first attempt; None: it gave no answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Raising:
    """A second attempt that needs more reserved than the first."""

    case: Case
    ticket: Ticket
    verdict: Verdict
    body: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is open: let go, or accounted for."""


State: TypeAlias = (
    Arriving
    | Receiving
    | Consulting
    | Embedding
    | Searching
    | Reserving
    | Upstream
    | Responding
    | Answered
    | Listing
    | Retrying
    | Raising
    | Finished
)
Step: TypeAlias = tuple[State, tuple[Effect, ...]]
