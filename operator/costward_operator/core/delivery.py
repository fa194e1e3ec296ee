"""What is known of the policies' way into force: who serves them, and whether traffic passes there.

A policy is in force where a data plane acknowledged a snapshot that holds it as it now is. That is asked per policy and
not per snapshot: one policy's change must not unsettle, and rewrite, the status of all others.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from costward_contract.snapshot import Destination, Policy, Snapshot

ProofKind = Literal["Verified", "Configured", "Seen", "Unproven"]

HISTORY = 16
"""Snapshots whose contents are remembered, in each scope. A data plane that is further behind counts as waiting, which
it is. Of 10,000 policies each takes about a megabyte."""


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
"""`namespace/name` -> digest of the compiled policy; name of a ClusterCostPolicy -> digest of what it says."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One look at the world's end of the path."""

    data_planes: tuple[DataPlane, ...] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    """By `namespace/name`; what is not in it is unproven."""
    settled: bool = True
    """False for a moment after the start, while data planes come back: what their absence would say is not believed."""
    held_back: str = ""
    """Why not every data plane is given what the policies say; empty: they are."""


def contents(snapshot: Snapshot) -> Contents:
    """Of all that a snapshot holds: a policy may be in it for its namespace and for several destinations."""
    found: dict[str, list[Policy | Destination]] = {}
    for policy in snapshot.policies:
        found.setdefault(policy.ref, []).append(policy)
    for destination in snapshot.destinations:
        found.setdefault(destination.policy.ref, []).append(destination)
    # Interned: the history holds the same names and digests again and again.
    return {sys.intern(ref): sys.intern(digest(*entries)) for ref, entries in found.items()}


def digest(*values: object) -> str:
    """Of frozen values of plain types, which have one representation."""
    # 64 bits: enough to tell apart the few versions of one policy that are served at one time.
    return hashlib.sha256("".join(map(repr, values)).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Published:
    """The contents of the last snapshots by scope and hash, newest last."""

    _known: dict[str, dict[str, Contents]] = field(default_factory=dict)

    def remember(self, hash: str, held: Contents, scope: str = "") -> None:
        """`scope`: the namespace whose sidecars get it; empty: the shared data planes."""
        known = self._known.setdefault(scope, {})
        known.pop(hash, None)
        known[hash] = held
        while len(known) > HISTORY:
            del known[next(iter(known))]

    def of(self, hash: str) -> Contents | None:
        """What the shared data planes' snapshot of this hash holds; None where that is not known."""
        return self._known.get("", {}).get(hash)

    def keep_scopes(self, scopes: Set[str]) -> None:
        """Forget what nobody gets any more."""
        self._known = {scope: known for scope, known in self._known.items() if not scope or scope in scopes}

    def holds(self, hash: str, ref: str, digest: str, scope: str = "") -> bool:
        """Whether the snapshot of this hash holds that policy in that form. False for a hash nobody knows."""
        return self._known.get(scope, {}).get(hash, {}).get(ref) == digest
