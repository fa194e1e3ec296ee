"""What the pure core is handed by its process: constants, and functions that are pure but need loaded tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from costward_extproc.core.money import Quote
from costward_extproc.dialects.strict_json import MAX_BYTES

LEASE_S = 60.0
"""A dead process blocks its callers' caps for at most a minute; renewed four times in it, so that a live exchange is
taken for dead only after three flushes in a row have failed."""

BODY_LIMIT = 32 * 1024 * 1024
"""Bytes that the route buffers for us (the wiring's limit), for bodies that do not declare their length."""

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
    body_limit: int = MAX_BYTES
    """Declared bytes of a request body from which it is not asked for, since it would not be read: it passes as it is,
    charged by its length. Handing over 30 MB only to say so took a second on a busy machine, which is Envoy's limit for
    an answer of ours."""
    answer_limit: int = ANSWER_LIMIT
    """Bytes of an answer that are kept for reading: a hundred times a long answer, and a bound on memory."""
