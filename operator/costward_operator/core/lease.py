"""Who leads: one election step on a Kubernetes Lease.

Works as client-go's leader election does (tools/leaderelection): the lease is judged by when *this* process saw it
change, never by the moment that its holder wrote into it, so that clocks may disagree by any amount.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

LEASE_S = 15.0
"""How long a silent leader keeps the lease: client-go's default, which survives an API server's restart."""
RENEW_WITHIN_S = 10.0
"""After which a leader that could not renew gives up, 5 s before another may take over: they never overlap unless a
process sleeps between this check and a write."""
RETRY_S = 2.0
"""Between two steps: four chances to renew before giving up."""

_LONGEST_S = 300.0
"""No lease is honoured longer without a change, whatever its writer put into it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The fields of coordination.k8s.io/v1 Lease that matter."""

    holder: str
    """Empty: given back."""
    duration_s: float
    acquired: str
    """RFC 3339 with microseconds, the holder's wall clock: written and shown, never compared in size."""
    renewed: str
    transitions: int
    version: str = ""
    """resourceVersion: a write for another one is refused by the API server."""


@dataclass(frozen=True, slots=True)
class Observed:
    lease: Lease | None
    """None: there is none."""
    at: float
    """Our own monotonic clock when it was first seen as it is."""


@dataclass(frozen=True, slots=True)
class Write:
    """Create (version empty) or update the lease; who succeeds leads."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Wait:
    """Another one leads."""

    holder: str


Step: TypeAlias = Write | Wait
Standing = Literal["leads", "lost", "follows"]


def observe(before: Observed | None, lease: Lease | None, now: float) -> Observed:
    """`now`: monotonic seconds. A lease that was written again, even by the same holder, is a new sight."""
    if before is not None and _face(before.lease) == _face(lease):
        return replace(before, lease=lease)
    return Observed(lease, now)


def step(observed: Observed, me: str, now: float, wall: str) -> Step:
    """What to do about the lease as it was last seen. `now`: monotonic seconds; `wall`: RFC 3339, to be written."""
    lease = observed.lease
    if lease is None:
        return Write(Lease(me, LEASE_S, wall, wall, 0))
    if lease.holder == me:
        return Write(replace(lease, duration_s=LEASE_S, renewed=wall))
    held_until = observed.at + min(max(lease.duration_s, 0.0), _LONGEST_S)
    if lease.holder and now < held_until:
        return Wait(lease.holder)
    return Write(Lease(me, LEASE_S, wall, wall, lease.transitions + 1, lease.version))


def released(lease: Lease, wall: str) -> Lease:
    """Given back: the next one need not wait. A duration of one second, as a Lease must have one above zero."""
    return replace(lease, holder="", duration_s=1.0, renewed=wall)


def standing(renewed_at: float | None, now: float) -> Standing:
    """Of a process that last renewed at `renewed_at` (monotonic, taken *before* that request was sent)."""
    if renewed_at is None:
        return "follows"
    return "leads" if now - renewed_at < RENEW_WITHIN_S else "lost"


def _face(lease: Lease | None) -> Lease | None:
    """What a holder's sign of life changes. Not the version: anyone's label on the object would move it."""
    return replace(lease, version="") if lease is not None else None
