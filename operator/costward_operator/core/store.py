"""What is known of the policies in the cluster, from two sources: the watch's events and full LISTs.

A watch may lose events (a relist after 410 brings no DELETED), bring them twice or late; a LIST may be older than what
the watch has told meanwhile. Both carry resource versions, which order them: the store never goes back, and after a
LIST it holds exactly what the API server held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto

from costward_contract.policy import KIND

from costward_operator.core.objects import Body, EventType, Seen, read
from costward_operator.core.shared import Shared


class Dirty(Flag):
    """What changed since it was last asked."""

    NO = 0
    SPEC = auto()
    """What is compiled: an object came, went or has another spec."""
    STATUS = auto()
    """Only what is written in a status."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A full LIST: all objects at one moment."""

    objects: Sequence[Seen]
    version: int
    """The list's own resourceVersion; objects and events up to it are in it. 0 where it is no number."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a LIST knew and the events had not told."""

    appeared: int = 0
    changed: int = 0
    vanished: int = 0

    @property
    def total(self) -> int:
        return self.appeared + self.changed + self.vanished


@dataclass(slots=True)
class Store:
    """Deterministic and without IO; belongs to one event loop."""

    kind: str = KIND
    """Of its objects."""
    _objects: dict[str, Seen] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    """(namespace, name) -> uid of the present object."""
    _gone: dict[str, int] = field(default_factory=dict)
    """uid -> version at its deletion, for deletions that no LIST has confirmed yet."""
    _shared: Shared = field(default_factory=Shared)
    _listed: int = 0
    """Version of the last LIST."""
    _complete: bool = False
    _dirty: Dirty = Dirty.NO

    @property
    def complete(self) -> bool:
        """Whether a full LIST was ever taken: before it, the store may hold a part of the cluster's policies."""
        return self._complete

    @property
    def spec_changed(self) -> bool:
        """Since `take_dirty`."""
        return Dirty.SPEC in self._dirty

    def get(self, uid: str) -> Seen | None:
        return self._objects.get(uid)

    def objects(self) -> tuple[Seen, ...]:
        """All objects, in no order that means anything."""
        return tuple(self._objects.values())

    def take_dirty(self) -> Dirty:
        """What changed since the last call."""
        dirty, self._dirty = self._dirty, Dirty.NO
        return dirty

    def known(self, body: Body) -> Seen | None:
        """The object that `body` is a version of, if it is known: what `objects.read` takes as `before`."""
        metadata = body.get("metadata")
        uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
        return self._objects.get(uid) if isinstance(uid, str) else None

    def read(self, body: Body) -> Seen | None:
        """What would be kept of this object; None where it is none."""
        return read(body, self.known(body), self.kind, self._shared)

    def apply(self, type: EventType, body: Body) -> None:
        """Take an event of the watch, or the answer to an own write (MODIFIED)."""
        seen = self.read(body)
        if seen is None or self._is_old(seen):
            return
        if type == "DELETED":
            self._gone[seen.uid] = seen.version
            self._remove(seen.uid)
        else:
            self._put(seen)

    def replace(self, listing: Listing) -> Drift:
        """Take a full LIST: afterwards nothing is known that it lacks, except what came after it."""
        if listing.version < self._listed:
            # The API server's past was restored from a backup: versions from before say nothing any more.
            self._objects, self._names, self._gone = {}, {}, {}
            self._dirty |= Dirty.SPEC
        listed = {seen.uid for seen in listing.objects}
        lost = [
            seen.uid for seen in self._objects.values() if seen.uid not in listed and not self._after(seen, listing)
        ]
        for uid in lost:
            self._remove(uid)
        appeared = changed = 0
        for seen in listing.objects:
            before = self._objects.get(seen.uid)
            if seen.uid in self._gone or (before is not None and before.version > seen.version):
                continue
            appeared += before is None
            changed += before is not None and before.version != seen.version
            self._put(seen)
        still = listing.version or max(self._gone.values(), default=0)
        self._gone = {uid: version for uid, version in self._gone.items() if version > still}
        if not self._complete:
            self._dirty |= Dirty.SPEC
        self._listed, self._complete = listing.version, True
        # What statuses said long ago is not held for ever.
        self._shared = Shared()
        return Drift(appeared, changed, len(lost))

    def _is_old(self, seen: Seen) -> bool:
        if seen.uid in self._gone:
            return True
        if not seen.version:
            return False
        before = self._objects.get(seen.uid)
        return seen.version <= self._listed or (before is not None and seen.version < before.version)

    @staticmethod
    def _after(seen: Seen, listing: Listing) -> bool:
        return listing.version > 0 and seen.version > listing.version

    def _put(self, seen: Seen) -> None:
        place = (seen.namespace, seen.name)
        former = self._names.get(place)
        if former is not None and former != seen.uid:
            # One name holds one object: the other one's deletion was lost.
            self._remove(former)
        before = self._objects.get(seen.uid)
        self._objects[seen.uid], self._names[place] = seen, seen.uid
        if before is None or before.generation != seen.generation:
            self._dirty |= Dirty.SPEC
        elif before.status != seen.status:
            self._dirty |= Dirty.STATUS

    def _remove(self, uid: str) -> None:
        seen = self._objects.pop(uid, None)
        if seen is None:
            return
        if self._names.get((seen.namespace, seen.name)) == uid:
            del self._names[(seen.namespace, seen.name)]
        self._dirty |= Dirty.SPEC
