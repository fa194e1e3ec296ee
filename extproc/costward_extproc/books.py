"""Accounting for exchanges that are over.

Money and answers at once: a caller's next request must find its reservation settled and its answer stored. What is
written down for people a little later: it must not stand between an answer and that next request.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import assert_never

from costward_extproc.core import exchange, settling
from costward_extproc.core.events import Background, Closed, Effect, Renew, Settle, Store, Write
from costward_extproc.core.record import Record
from costward_extproc.core.states import Finished, State
from costward_extproc.services import OFF_LOOP_BYTES, Services

log = logging.getLogger(__name__)

WRITING_S = 0.01
"""How long a record may wait: longer than a quick caller takes for its next request, and nobody reads one sooner. A
kill loses what waited."""

SHARE_OF_QUEUE = 8
"""An eighth of what waits in each turn: a thousand ends at once are written down within some fifty turns."""

BACKGROUND = (Renew, Settle, Store, Write)


class Books:
    """One for each process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unwritten: deque[Record] = deque()
        self._timer: asyncio.Handle | None = None
        self._on_threads: set[asyncio.Task[None]] = set()

    def close(self, state: State, bytes_seen: int) -> None:
        """Take over what is left to do for an exchange that ended in `state`, as of now."""
        if isinstance(state, Finished):
            return
        closed = Closed(self._services.clock())
        if bytes_seen > OFF_LOOP_BYTES:
            task = asyncio.get_running_loop().create_task(self._close_on_thread(state, closed))
            self._on_threads.add(task)
            task.add_done_callback(self._on_threads.discard)
        else:
            self._queue(_effects(state, closed))

    async def drained(self) -> None:
        """Returns when every exchange that ended is accounted for."""
        while self._on_threads:
            await asyncio.wait(self._on_threads)
        while self._unwritten:
            self._write(self._unwritten.popleft())

    async def _close_on_thread(self, state: State, closed: Closed) -> None:
        loop = asyncio.get_running_loop()
        self._queue(await loop.run_in_executor(self._services.threads.books, _effects, state, closed))

    def _queue(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Write):
                self._unwritten.append(effect.record)
            elif isinstance(effect, BACKGROUND):
                queue(self._services, effect)
        if self._unwritten and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITING_S, self._next)

    def _next(self) -> None:
        """A few records in each turn of the event loop, so that requests that came meanwhile are not kept waiting and
        the queue stays short where many exchanges end in one turn."""
        for _ in range(min(len(self._unwritten), 1 + len(self._unwritten) // SHARE_OF_QUEUE)):
            self._write(self._unwritten.popleft())
        self._timer = asyncio.get_running_loop().call_soon(self._next) if self._unwritten else None

    def _write(self, record: Record) -> None:
        try:
            queue(self._services, Write(record))
        except Exception:
            log.exception("the record of %s was not written", record.id)


def _effects(state: State, closed: Closed) -> tuple[Effect, ...]:
    """What an exchange's end asks for. One whose answer cannot be read after all must not hold its reservation for
    ever, nor the accounting of all others: it is charged what was known of it when it went upstream."""
    try:
        return exchange.step(state, closed)[1]
    except Exception:
        log.exception("an exchange could not be accounted for")
        case = getattr(state, "case", None)
        return () if case is None else settling.given_up(case, closed.at)


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
