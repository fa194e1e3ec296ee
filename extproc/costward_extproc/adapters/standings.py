"""What this process knows of the counters without asking the file: exact for its own exchanges, a little old for those
of other workers.

A standing only places a caller on the ladder; whether money is left is decided by `reserve`, in the file. So a caller
whose spend rises in another worker may be warned half a second late, and no cap is ever passed by it. In return a
request asks the file once, not twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from costward_contract.snapshot import MicroUSD

from costward_extproc.core.ledger import Charge, Habit, Position, Standing

FRESH_S = 0.5
"""How old another worker's part may be: below what a person notices of a warning, and one read of a key this often
costs nothing."""

MAX_KEYS = 20_000
"""About 4 MB; callers beyond that are asked about in the file each time."""


@dataclass(slots=True)
class _Known:
    read_at: float
    spent: int
    reserved: int


class Standings:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._typical: OrderedDict[str, tuple[float, int | None, Habit | None]] = OrderedDict()
        self._changed_at: dict[str, int] = {}
        """Number of our last change of each key: what was asked before it is not believed."""
        self.changes = 0

    def position(self, charges: Sequence[Charge], output_key: str, now: float) -> Position | None:
        """None where anything is unknown or too old: ask the file."""
        typical = self._typical.get(output_key)
        if typical is None or not 0 <= now - typical[0] <= FRESH_S:
            return None
        standings = []
        for charge in charges:
            known = self._known.get(charge.key)
            if known is None or not 0 <= now - known.read_at <= FRESH_S:
                return None
            standings.append(Standing(MicroUSD(known.spent), MicroUSD(known.reserved)))
        return Position(tuple(standings), *typical[1:])

    def learn(self, charges: Sequence[Charge], output_key: str, position: Position, asked: int, now: float) -> None:
        """What the file said, when `changes` was `asked`. That too little is known of an output is remembered as well:
        keys with little traffic stay so for long, and would ask the file at each request."""
        for charge, standing in zip(charges, position.standings, strict=True):
            if self._changed_at.get(charge.key, 0) <= asked:
                self._known[charge.key] = _Known(now, standing.spent, standing.reserved)
                self._known.move_to_end(charge.key)
        self._typical[output_key] = (now, position.typical_output, position.habit)
        self._typical.move_to_end(output_key)
        while len(self._known) > MAX_KEYS:
            self._changed_at.pop(self._known.popitem(last=False)[0], None)
        while len(self._typical) > MAX_KEYS:
            self._typical.popitem(last=False)

    def book(self, keys: Iterable[str], *, reserved: int, spent: int) -> None:
        """Our own exchange changed these counters by so much."""
        self.changes += 1
        for key in keys:
            known = self._known.get(key)
            if known is not None:
                self._changed_at[key] = self.changes
                known.reserved += reserved
                known.spent += spent
