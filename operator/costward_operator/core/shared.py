"""Equal parts of many statuses as one object: of ten thousand policies nearly all say the same in nearly all places,
and a copy for each would take a third of the operator's memory."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Shared:
    """Holds all that it ever gave out: begun anew now and then, it is no larger than what is in use."""

    _known: dict[Hashable, Any] = field(default_factory=dict)

    def one(self, value: Any) -> Any:
        """An equal value of plain JSON types, not to be changed by anybody."""
        if isinstance(value, str):
            return sys.intern(value)
        if isinstance(value, dict):
            inside = {sys.intern(key): self.one(part) for key, part in value.items()}
            # The parts are shared, and held by their wholes: equal ones have one id.
            return self._known.setdefault(("dict", *((key, _id(part)) for key, part in inside.items())), inside)
        if isinstance(value, list):
            parts = [self.one(part) for part in value]
            return self._known.setdefault(("list", *map(_id, parts)), parts)
        return value


def _id(part: Any) -> Hashable:
    # With their types: to Python 1 is True, and to JSON it is not.
    return (type(part), id(part) if isinstance(part, dict | list) else part)
