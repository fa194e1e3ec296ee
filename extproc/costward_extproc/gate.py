"""Notices that more comes than can be decided in time, and says what to leave out, before callers feel it.

Neither the number of exchanges in flight nor the event loop's lag tells: gRPC hands us one new call in each turn of the
loop, so under a thousand callers turns stay short, few exchanges are open, and each has waited a second unseen
(measured: loop lag 4 ms, wait 1.0 s). What tells is how long ago the proxy turned to us, which it says with each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from costward_extproc.core.relief import Relief

STARTED = "x-costward-started"
"""Call metadata: when the proxy had the request's headers and turned to us, in Unix seconds with six decimals."""

STREAK = 16
"""So many exchanges in a row must have waited: a few may meet a busy moment of the machine."""

MAX_DECIDING = 256
"""Exchanges between their body and their decision. At half a millisecond to a millisecond each, more than these cannot
be decided within the deadline; it also bounds how many bodies are held at once."""

_STEPS = ((Relief.MEANING, 0.25, 0.1), (Relief.LOOKUP, 0.375, 0.3), (Relief.CAPS, 0.5, 1.0))
"""What is left out, when exchanges have waited for this share of the deadline (200 ms), and for so many seconds.
Looking is given up soon, which costs a hit. Caps hold through a burst, which is over in a second or was none; then
nothing is asked of those that have waited for half of the deadline, because asking may take the other half."""

_STRANGE_S = 60.0
"""A longer wait, or a negative one, is another clock: Envoy's time-outs are seconds."""


@dataclass(slots=True)
class _Level:
    """One step of relief: begins after a spell of slow exchanges, ends with one that waited half as long."""

    relief: Relief
    target_s: float
    spell_s: float
    since: float = 0.0
    streak: int = 0
    is_on: bool = False

    def holds(self, waited: float, now: float) -> bool:
        if waited <= self.target_s:
            self.streak = 0
            self.is_on = self.is_on and waited > self.target_s / 2
            return False
        if self.streak == 0:
            self.since = now
        self.streak += 1
        self.is_on = self.is_on or (self.streak >= STREAK and now - self.since >= self.spell_s)
        return self.is_on


class Gate:
    """Belongs to the event loop."""

    def __init__(self, deadline_s: float, max_deciding: int = MAX_DECIDING) -> None:
        self._levels = [_Level(relief, share * deadline_s, spell_s) for relief, share, spell_s in _STEPS]
        self._max_deciding = max_deciding
        self.deciding = 0
        """Exchanges between their body and their decision."""

    @contextmanager
    def decision(self) -> Iterator[None]:
        """Counts one for as long as it takes."""
        self.deciding += 1
        try:
            yield
        finally:
            self.deciding -= 1

    def relief(self, waited: float | None, now: float) -> Relief:
        """For an exchange that comes now. `waited`: seconds since its proxy got it, None where that is not known."""
        if self.deciding >= self._max_deciding:
            return Relief.CAPS
        if waited is None or not 0 <= waited < _STRANGE_S:
            return Relief.NONE
        # Each level sees every exchange, or its streak would be another's.
        return max([level.relief for level in self._levels if level.holds(waited, now)], default=Relief.NONE)


def started_at(metadata: Iterable[tuple[str, str | bytes]], peer: str) -> float | None:
    """Unix seconds; None where the proxy does not tell, as an older wiring's, or where it is on another machine: what
    two clocks differ by would be a wait that never ends, for every exchange."""
    if not peer.startswith("unix"):
        return None
    for name, value in metadata:
        if name == STARTED:
            try:
                return float(value)
            except ValueError:
                return None
    return None
