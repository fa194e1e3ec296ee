"""What the cache keeps and what a search of it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""float32[384], L2 norm 1."""

DIMENSIONS = 384
"""Of all-MiniLM-L6-v2."""


@dataclass(frozen=True, slots=True)
class Embedding:
    vector: Vector
    truncated: bool
    """The text had more tokens than the model reads here, or signs that it cannot read: the vector does not stand for
    all of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One answer. `partition` already pins scope, context and embedder; inside it only the last user text differs."""

    id: str
    partition: str
    key: str
    """Digest of the normalised text."""
    policy: str
    text: str
    """The last user text as sent: what the guards compare. Never logged."""
    answer: bytes
    """The complete answer as the dialect's non-stream JSON."""
    model: str
    """As the upstream named it."""
    rung: str | None
    cost: int
    """µ$ that the answer cost when it was made: what a hit saves."""
    created_at: float
    expires_at: float
    vector: Vector | None = None
    """None: the exact tier only."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    entry: Entry
    score: float
    """Cosine similarity, re-scored in float32."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Which entries to forget; the given fields must all match. An empty selector forgets all."""

    policy: str | None = None
    partition: str | None = None
    model: str | None = None
