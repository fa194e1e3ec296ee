"""What the pure core is handed by its process: constants, and functions that are pure but need loaded tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from costward_extproc.core.money import Quote

LEASE_S = 60.0
"""A dead process blocks its callers' caps for at most a minute; renewed four times in it, so that a live exchange is
taken for dead only after three flushes in a row have failed."""

BODY_LIMIT = 32 * 1024 * 1024
ANSWER_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Means:
    quote: Callable[[str], Quote]
    """Rates of a model; never $0 for an unknown one."""
    count_tokens: Callable[[str], int]
    digest_key: bytes
    """Key of every digest in records, cache and ledger."""
    embedder_id: str | None
    """None: no embedder, so no semantic tier."""
    lease_s: float = LEASE_S
    """How long a reservation outlives its process; the ledger renews those of a living one every quarter of it."""
    body_limit: int = BODY_LIMIT
    """Bytes of a request body that the route buffers for us (the wiring's limit): a larger one is let go, counted."""
    answer_limit: int = ANSWER_LIMIT
    """Bytes of an answer that are kept for reading: a hundred times a long answer, and a bound on memory."""
