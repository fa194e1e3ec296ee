"""What is known of the policies' way into force: who serves them, and whether traffic passes there.

A policy is in force where a data plane acknowledged a snapshot that holds it as it now is. That is asked per policy and
not per snapshot: one policy's change must not unsettle, and rewrite, the status of all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from costward_contract.snapshot import Policy, Snapshot

ProofKind = Literal["Verified", "Configured", "Seen", "Unproven"]

HISTORY = 64
"""Snapshots whose contents are remembered. At the four compiles a second that the debounce allows, a data plane may be
16 s behind and still be known to serve what did not change."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A data plane's NACK."""

    hash: str
    message: str


@dataclass(frozen=True, slots=True)
class DataPlane:
    """A live data plane: one whose stream is open."""

    name: str
    namespace: str = ""
    """A sidecar gets its namespace's policies only; empty: a shared one, which gets all."""
    acked: str = ""
    """Hash of the snapshot that it serves; empty while it has none: it is not ready then, and gets no traffic."""
    rejected: Rejection | None = None
    """Its last word, where that was a NACK."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why it is believed that a policy's traffic passes the filter (DESIGN: proof in the path)."""

    kind: ProofKind
    message: str = ""


UNPROVEN = Proof("Unproven", "no proxy was seen to ask a data plane about this traffic; install the wiring")

Contents = Mapping[str, str]
"""`namespace/name` -> digest of the compiled policy."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One look at the world's end of the path."""

    data_planes: tuple[DataPlane, ...] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """By `namespace/name`; what is not in it is unproven."""
    settled: bool = True
    """False for a moment after the start, while data planes come back: what their absence would say is not believed."""


def contents(snapshot: Snapshot) -> Contents:
    return {policy.ref: _digest(policy) for policy in snapshot.policies}


def _digest(policy: Policy) -> str:
    # 64 bits: enough to tell apart the few versions of one policy that are served at one time. Frozen values of plain
    # types have one representation.
    return hashlib.sha256(repr(policy).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Published:
    """The contents of the last snapshots, by hash, newest last. A sidecar's snapshot is remembered under its own."""

    _known: dict[str, Contents] = field(default_factory=dict)

    def remember(self, hash: str, held: Contents) -> None:
        self._known.pop(hash, None)
        self._known[hash] = held
        while len(self._known) > HISTORY:
            del self._known[next(iter(self._known))]

    def holds(self, hash: str, ref: str, digest: str) -> bool:
        """Whether the snapshot of this hash holds that policy in that form. False for a hash nobody knows."""
        return self._known.get(hash, {}).get(ref) == digest
