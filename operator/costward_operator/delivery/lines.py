"""What data planes of each scope are sent: the newest snapshot, and the older ones that a delta can begin at.

Nothing here is ever changed, since threads read it: the next one is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from costward_contract.codec import encode
from costward_contract.delta import Parts, difference, parts_of
from costward_contract.snapshot import Snapshot
from costward_contract.v1 import delivery_pb2 as wire

from costward_operator.delivery.planes import Form
from costward_operator.delivery.scopes import scoped

REMEMBERED = 8
"""Snapshots of a scope to which deltas can begin: a data plane that is further behind gets the whole."""


@dataclass(frozen=True, slots=True)
class Line:
    """The snapshots of one scope, newest last."""

    sealed: bytes = b""
    newest: str = ""
    parts: Mapping[str, Parts] = field(default_factory=dict)

    def then(self, snapshot: Snapshot) -> Line:
        """Takes some milliseconds for a thousand policies."""
        if snapshot.hash == self.newest:
            return self
        sealed = encode(snapshot)
        earlier = [(hash, parts) for hash, parts in self.parts.items() if hash != snapshot.hash]
        kept = earlier[1 - REMEMBERED :]
        return Line(sealed, snapshot.hash, {**dict(kept), snapshot.hash: parts_of(sealed)})

    def update(self, form: Form, holds: str) -> wire.Update:
        if form == "same":
            return wire.Update(hash=self.newest)
        old = self.parts.get(holds)
        if form == "delta" and old is not None:
            delta = difference(old, self.parts[self.newest])
            if delta.ByteSize() < len(self.sealed):
                return wire.Update(hash=self.newest, delta=delta)
        return wire.Update(hash=self.newest, whole=self.sealed)


@dataclass(frozen=True, slots=True)
class Stage:
    """A snapshot on its way, cut for each scope (None: everything) that somebody asked for."""

    snapshot: Snapshot | None = None
    lines: Mapping[str | None, Line] = field(default_factory=dict)

    def then(self, snapshot: Snapshot, scopes: Set[str | None]) -> Stage:
        """Its successor, for these scopes."""
        return Stage(snapshot).with_scopes(scopes, self.lines)

    def with_scopes(self, scopes: Set[str | None], earlier: Mapping[str | None, Line] | None = None) -> Stage:
        """The same for these scopes too. `earlier`: what deltas can begin at."""
        if self.snapshot is None:
            return self
        before = earlier or {}
        made = {
            scope: before.get(scope, Line()).then(scoped(self.snapshot, scope)) for scope in scopes - set(self.lines)
        }
        return Stage(self.snapshot, {**self.lines, **made})
