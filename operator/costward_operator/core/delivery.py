"""What is known of the policies' way into force: who serves them, and whether traffic passes there.

A policy is in force where a data plane acknowledged a snapshot that holds it as it now is. That is asked per policy and
not per snapshot: one policy's change must not unsettle, and rewrite, the status of all others.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from costward_contract.snapshot import Policy, Snapshot

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


@dataclass(slots=True)
class Digests:
    """Of the policies of the last snapshot, told apart as objects: the compiler hands out those that did not change
    again, and to write out ten thousand would cost a quarter of a second at each change."""

    _last: dict[int, tuple[Policy, str]] = field(default_factory=dict)
    """By id; the policy is held, so that its id is no other object's meanwhile."""

    def of(self, policies: Sequence[Policy]) -> list[str]:
        """One for each. What was not asked about now is forgotten."""
        known = self._last
        found = [(policy, known[id(policy)][1] if id(policy) in known else digest(policy)) for policy in policies]
        self._last = {id(policy): (policy, text) for policy, text in found}
        return [text for _, text in found]


def contents(snapshot: Snapshot, digests: Digests | None = None) -> Contents:
    """Of all that a snapshot holds: a policy may be in it for its namespace and for several destinations. `digests`:
    the caller's own, from one call to the next."""
    own = (digests or Digests()).of(snapshot.policies)
    found: dict[str, list[str]] = {}
    for policy, text in zip(snapshot.policies, own, strict=True):
        found.setdefault(policy.ref, []).append(text)
    for destination in snapshot.destinations:
        found.setdefault(destination.policy.ref, []).append(digest(destination))
    # Interned: the history holds the same names and digests again and again.
    return {sys.intern(ref): sys.intern(_joint(texts)) for ref, texts in found.items()}


def _joint(digests: Sequence[str]) -> str:
    return digests[0] if len(digests) == 1 else digest(*digests)


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
