"""Waiting for an answer up to a deadline, without taking a stall of our own event loop for the answer's delay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(until: float, answer: Awaitable[T]) -> T:
    """Its result. Raises TimeoutError where none is there by `until`, in the loop's time.

    A loop that was busy finds timers due before it looks at what threads handed over meanwhile. So whoever waits is
    given the turns of the loop that such an answer takes to reach it, and only then is it late.
    """
    async with asyncio.timeout(None) as timeout:
        timer = _Timer(timeout, until)
        try:
            return await answer
        finally:
            timer.cancel()


class _Timer:
    """Ends `timeout` at a time, two turns of the loop after it has come: in the first what was handed over is taken, in
    the second whoever waits for it goes on."""

    def __init__(self, timeout: asyncio.Timeout, until: float) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle = self._loop.call_at(until, self._due)

    def cancel(self) -> None:
        self._handle.cancel()

    def _due(self) -> None:
        self._handle = self._loop.call_soon(self._end)

    def _end(self) -> None:
        # Now, which takes one more turn.
        self._timeout.reschedule(self._loop.time())
