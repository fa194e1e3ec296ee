"""All that is known of the policies, a store for each kind: resource versions order the objects of one kind only."""

from __future__ import annotations

from costward_contract.parse import KINDS

from costward_operator.core.objects import Seen
from costward_operator.core.store import Dirty, Store


class Known:
    """Deterministic and without IO; belongs to one event loop."""

    def __init__(self) -> None:
        self._stores = {kind: Store(kind) for kind in KINDS}

    def of(self, kind: str) -> Store:
        return self._stores[kind]

    @property
    def complete(self) -> bool:
        """Whether every kind was listed in full: a snapshot without the platform's overrides would lift its caps."""
        return all(store.complete for store in self._stores.values())

    @property
    def spec_changed(self) -> bool:
        """Whether something is to be compiled anew."""
        return any(store.spec_changed for store in self._stores.values())

    def objects(self) -> tuple[Seen, ...]:
        """All objects, in no order that means anything."""
        return tuple(seen for store in self._stores.values() for seen in store.objects())

    def get(self, uid: str) -> Seen | None:
        found = (store.get(uid) for store in self._stores.values())
        return next((seen for seen in found if seen is not None), None)

    def take_dirty(self) -> Dirty:
        """What changed since the last call."""
        dirty = Dirty.NO
        for store in self._stores.values():
            dirty |= store.take_dirty()
        return dirty
