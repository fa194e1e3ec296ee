"""The account of bodies that were asked for and are not decided yet, exact however their exchanges end."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from costward_extproc.core.intake import IDLE, Intake

log = logging.getLogger(__name__)

SLOW_S = 2.0
"""A body that is on its way for longer takes its time at its caller, not with us, and does not count again before it is
here: callers that send slowly would otherwise keep everybody's large bodies from being read. Twice as long as Envoy
waits for us, so that no burst that is being handed over is mistaken for one."""

_SAY_S = 10.0
"""Between two lines of the log about bodies that were not asked for; the metric counts each."""


@dataclass(eq=False, slots=True)
class Awaited:
    """One body, from being asked for to its decision."""

    weight: int
    declared: bool
    """Whether its length was."""
    since: float
    counts: bool = True


class Bodies:
    """Belongs to the event loop. All times are the loop's."""

    def __init__(self) -> None:
        self._intake = IDLE
        self._on_way: dict[Awaited, None] = {}
        """In the order in which they were asked for."""
        self._said_at = float("-inf")

    def intake(self, now: float) -> Intake:
        """As an exchange finds it that begins now."""
        while self._on_way and now - (oldest := next(iter(self._on_way))).since > SLOW_S:
            del self._on_way[oldest]
            self._count(oldest, counts=False)
        return self._intake

    def ask(self, weight: int, declared: bool, now: float) -> Awaited:
        """Count one that was asked for, until `leave`."""
        body = Awaited(weight, declared, now)
        self._on_way[body] = None
        self._intake = self._intake.with_more(weight)
        return body

    def arrived(self, body: Awaited, size: int) -> None:
        """All of it is here: `size` bytes."""
        self._on_way.pop(body, None)
        self._count(body, counts=False)
        if not body.declared:
            self._intake = self._intake.having_seen(size)
        body.weight = self._intake.weight(size)
        self._count(body, counts=True)

    def leave(self, body: Awaited) -> None:
        """It is decided, or will not come. May be told more than once."""
        self._on_way.pop(body, None)
        self._count(body, counts=False)

    def refused(self, now: float) -> None:
        """A body was not asked for, because too many bytes are."""
        if now - self._said_at > _SAY_S:
            self._said_at = now
            log.warning("large bodies pass unread, held to caps by their length: %d bytes wait to be read", self.taken)

    @property
    def taken(self) -> int:
        """Weighted bytes that count now."""
        return self._intake.taken

    def _count(self, body: Awaited, *, counts: bool) -> None:
        if body.counts is not counts:
            self._intake = self._intake.with_more(body.weight if counts else -body.weight)
            body.counts = counts
