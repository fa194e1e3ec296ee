"""What a StoreThread works on, and how its answers come back to the event loops that wait for them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from costward_extproc.errors import StoreFailure

if TYPE_CHECKING:
    from costward_extproc.adapters.sqlite_thread import Database

logger = logging.getLogger(__name__)

Mode = Literal["read", "write", "bare", "close"]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    database: Database
    fn: Callable[[sqlite3.Connection], Any]
    mode: Mode
    future: asyncio.Future[Any] | None


@dataclass(slots=True)
class Outcome:
    job: Job
    value: Any = None
    error: BaseException | None = None


def is_refused(outcome: Outcome) -> bool:
    """Nobody waits for it, and it may succeed later: nothing of it was done."""
    error = outcome.error
    return outcome.job.future is None and isinstance(error, StoreFailure) and error.reason == "busy"


def deliver(outcomes: Sequence[Outcome]) -> None:
    """All answers of one loop in one call: each call wakes it."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.job.future is not None:
            by_loop[outcome.job.future.get_loop()].append(outcome)
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:
            # The loop has closed: nobody waits any more, and the work is committed all the same.
            logger.debug("%d answers came after their event loop closed", len(answers))


def _resolve(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future is None or future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
