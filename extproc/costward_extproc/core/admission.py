"""May this much be spent? The one rule by which every ledger grants or refuses a reservation."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from costward_contract.snapshot import MicroUSD

from costward_extproc.core.ledger import Charge, Granted, Refused, Standing


def admit(charges: Sequence[Charge], standings: Sequence[Standing], amount: MicroUSD) -> Granted | Refused:
    """All of `amount` on every charge, or nothing. `standings` are in the charges' order.

    A worst case that does not fit is admitted alone where every cap that is too tight for it has money left and
    nothing reserved: otherwise a caller whose requests could cost more than the rest of the cap would never be served
    again, although the true cost is nearly always far below the worst case. It can happen once at a time per cap.
    """
    tight = [
        (charge, standing)
        for charge, standing in zip(charges, standings, strict=True)
        if standing.spent + standing.reserved + amount > charge.cap.limit
    ]
    if not tight:
        return Granted()
    if all(standing.reserved == 0 and standing.spent < charge.cap.limit for charge, standing in tight):
        return Granted(alone=True)
    return Refused(*max(tight, key=_latest))


def _latest(refusal: tuple[Charge, Standing]) -> tuple[bool, float, int]:
    """A spent cap outweighs one that only waits for reservations; of spent caps the one that resets last is named,
    because a `retry-after` that names an earlier one would be a lie."""
    charge, standing = refusal
    is_spent = standing.spent >= charge.cap.limit
    resets = inf if charge.resets_at is None else charge.resets_at
    return is_spent, resets if is_spent else 0, standing.spent + standing.reserved - charge.cap.limit
