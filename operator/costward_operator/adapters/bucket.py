"""A bounded rate, with room for a burst."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    rate: float
    """A second."""
    burst: float
    clock: Callable[[], float]
    """Monotonic seconds."""
    _level: float | None = None
    _at: float = 0.0

    def take(self) -> float:
        """Takes one, and tells how many seconds to wait before using it."""
        self._refill()
        assert self._level is not None
        self._level -= 1
        return max(0.0, -self._level / self.rate)

    def take_now(self) -> bool:
        """Takes one if there is one."""
        self._refill()
        assert self._level is not None
        if self._level < 1:
            return False
        self._level -= 1
        return True

    def _refill(self) -> None:
        now = self.clock()
        level = self.burst if self._level is None else self._level + (now - self._at) * self.rate
        self._level, self._at = min(self.burst, level), now
