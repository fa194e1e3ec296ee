"""Whether the event loop runs, as seen from beside it: a process may live and accept connections without it."""

from __future__ import annotations

import asyncio
import time

BEAT_S = 0.5
"""A wake-up twice a second costs nothing, and is ten times as often as anybody asks."""

STILL_S = 5.0
"""Without a beat for so long the loop is stuck, not busy: what may run on it takes well under a millisecond."""


class Pulse:
    def __init__(self) -> None:
        self._beat = time.monotonic()

    def is_felt(self) -> bool:
        """From any thread."""
        return time.monotonic() - self._beat < STILL_S

    async def keep(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_S)
