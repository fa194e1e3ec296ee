"""What is left out of an exchange when more comes than can be decided in time, in the order in which it is left out."""

from __future__ import annotations

from enum import IntEnum

OVERLOADED = "overloaded"
"""The warning in the record of every exchange that something was left out of."""


class Relief(IntEnum):
    NONE = 0
    MEANING = 1
    """No embedding: neither the semantic tier nor a router."""
    LOOKUP = 2
    """Nor the exact tier: caps alone."""
    CAPS = 3
    """Nothing is asked: the exchange passes or is refused, as the policy's failurePolicy says."""
