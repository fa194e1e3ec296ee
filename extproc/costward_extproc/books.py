"""Accounting for exchanges that are over: soon, but not between a caller's answer and its next request."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import assert_never

from costward_extproc.core import exchange
from costward_extproc.core.events import Background, Closed, Effect, Renew, Settle, Store, Write
from costward_extproc.core.states import Finished, State
from costward_extproc.services import OFF_LOOP_BYTES, Services

BOOKING_S = 0.01
"""How long the accounting of an exchange may wait: longer than a quick caller takes for its next request, which would
otherwise wait for it, and short beside the second in which a lease notes what was seen. A kill loses what waited."""

SHARE_OF_QUEUE = 8
"""An eighth of what waits in each turn: a thousand ends at once are booked within some fifty turns."""

BACKGROUND = (Renew, Settle, Store, Write)


class Books:
    """One for each process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: deque[tuple[State, Closed, int]] = deque()
        self._timer: asyncio.Handle | None = None
        self._on_threads: set[asyncio.Task[None]] = set()

    def close(self, state: State, bytes_seen: int) -> None:
        """Take over what is left to do for an exchange that ended in `state`, as of now."""
        if isinstance(state, Finished):
            return
        self._waiting.append((state, Closed(self._services.clock()), bytes_seen))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BOOKING_S, self._next)

    async def drained(self) -> None:
        while self._waiting:
            self._book(*self._waiting.popleft())
        while self._on_threads:
            await asyncio.wait(self._on_threads)

    def _next(self) -> None:
        """A few exchanges in each turn of the event loop: requests that came meanwhile are not kept waiting, and the
        queue stays short where many exchanges end in one turn."""
        for _ in range(min(len(self._waiting), 1 + len(self._waiting) // SHARE_OF_QUEUE)):
            self._book(*self._waiting.popleft())
        self._timer = asyncio.get_running_loop().call_soon(self._next) if self._waiting else None

    def _book(self, state: State, closed: Closed, weight: int) -> None:
        if weight > OFF_LOOP_BYTES:
            task = asyncio.get_running_loop().create_task(self._book_on_thread(state, closed))
            self._on_threads.add(task)
            task.add_done_callback(self._on_threads.discard)
        else:
            self._queue(exchange.step(state, closed)[1])

    async def _book_on_thread(self, state: State, closed: Closed) -> None:
        loop = asyncio.get_running_loop()
        self._queue((await loop.run_in_executor(self._services.threads, exchange.step, state, closed))[1])

    def _queue(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, BACKGROUND):
                queue(self._services, effect)


def queue(services: Services, effect: Background) -> None:
    """Hand background work to its port; never waits."""
    match effect:
        case Renew():
            services.ledger.renew(effect.id, effect.seen)
        case Settle():
            services.ledger.settle(effect.settlement)
        case Store():
            services.cache.put(effect.entry)
        case Write():
            for records in services.records:
                records.write(effect.record)
        case _:
            assert_never(effect)
