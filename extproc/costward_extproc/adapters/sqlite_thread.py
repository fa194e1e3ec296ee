"""One thread per SQLite file, so that no event loop ever waits for a disk.

Jobs are functions of a connection. The thread takes all that are queued, runs them in their order inside one
transaction and commits once: under load the price of a commit is shared, when idle nothing waits for company. A job
that raises is undone alone.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal, TypeVar

from costward_extproc.adapters.sqlite_file import Schema, open_file, word_of
from costward_extproc.errors import StoreFailure

logger = logging.getLogger(__name__)
T = TypeVar("T")

MAX_BATCH = 256
"""Jobs in one transaction. At 10 to 20 µs each it holds the write lock for at most about 5 ms, which is what another
worker's reservation may have to wait."""

Mode = Literal["read", "write", "bare"]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    fn: Callable[[sqlite3.Connection], Any]
    mode: Mode
    future: asyncio.Future[Any] | None


@dataclass(slots=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: BaseException | None = None


def _ignore(_reason: str) -> None:
    pass


class Database:
    """A SQLite file and its thread. `run`, `read` and `post` belong to event loops; several loops may share it.

    `on_failure` gets one word for each posted job that failed, on the database's thread.
    """

    def __init__(self, path: Path, schema: Schema, on_failure: Callable[[str], None] = _ignore) -> None:
        """Opens the file here and now. Raises SettingsError if its folder cannot be used."""
        self.path = path
        self.moved_aside: Path | None
        """Where a damaged file that was found at start is kept now."""
        self._connection, self.moved_aside = open_file(path, schema)
        self._on_failure = on_failure
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._in_hand = 0
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"sqlite:{path.name}", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Jobs that are not done yet. Large only when the disk stalls."""
        return self._queue.qsize() + self._in_hand

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `fn` once it is committed. A cancelled caller does not stop it. Raises StoreFailure."""
        return await self._ask(fn, "write")

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """As `run`, for functions that only read: they need no write lock. Sees all jobs queued before."""
        return await self._ask(fn, "read")

    def post(self, fn: Callable[[sqlite3.Connection], object]) -> None:
        """Run `fn` soon and in order; failures go to `on_failure`."""
        if not self._enqueue(_Job(fn, "write", None)):
            self._on_failure("closed")

    async def checkpoint(self) -> None:
        """Write all commits through to the disk, so that not even a power cut undoes them. Raises StoreFailure."""
        busy, _, _ = await self._ask(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone(), "bare")
        if busy:
            raise StoreFailure("busy")

    def close(self) -> None:
        """Finish what is queued, then close the file. Blocks; may be called twice."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    async def _ask(self, fn: Callable[[sqlite3.Connection], T], mode: Mode) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self._enqueue(_Job(fn, mode, future)):
            raise StoreFailure("closed")
        return await future

    def _enqueue(self, job: _Job) -> bool:
        with self._gate:
            if not self._closed:
                self._queue.put(job)
            return not self._closed

    # ---- on the thread ----

    def _work(self) -> None:
        open_for_jobs = True
        while open_for_jobs:
            batch, open_for_jobs = self._drain()
            if batch:
                self._deliver(self._transact(batch))
            self._in_hand = 0
        self._connection.close()

    def _drain(self) -> tuple[list[_Job], bool]:
        job = self._queue.get()
        batch: list[_Job] = []
        try:
            while job is not None:
                batch.append(job)
                self._in_hand = len(batch)
                if len(batch) == MAX_BATCH:
                    return batch, True
                job = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _transact(self, batch: Sequence[_Job]) -> list[_Outcome]:
        outcomes = [_Outcome(job) for job in batch]
        writes = [outcome for outcome in outcomes if outcome.job.mode == "write"]
        refused = self._statement("BEGIN IMMEDIATE") if writes else None
        for outcome in outcomes:
            if outcome.job.mode == "read":
                self._attempt(outcome)
            elif outcome.job.mode == "write":
                outcome.error = refused
                # A full disk may make SQLite drop the whole transaction: nothing of it counts, nothing is added.
                if self._connection.in_transaction:
                    self._attempt_apart(outcome)
        if writes and refused is None:
            self._commit(writes)
        for outcome in outcomes:
            if outcome.job.mode == "bare":
                self._attempt(outcome)
        return outcomes

    def _commit(self, writes: Sequence[_Outcome]) -> None:
        lost: BaseException | None
        if self._connection.in_transaction:
            lost = self._statement("COMMIT")
        else:
            lost = next((outcome.error for outcome in writes if outcome.error), StoreFailure("sqlite"))
        if lost is None:
            return
        for outcome in writes:
            outcome.error = outcome.error or lost
        if self._connection.in_transaction:
            self._statement("ROLLBACK")

    def _attempt(self, outcome: _Outcome) -> None:
        try:
            outcome.value = outcome.job.fn(self._connection)
        except sqlite3.Error as error:
            outcome.error = StoreFailure(word_of(error))
        except Exception as error:
            outcome.error = error

    def _attempt_apart(self, outcome: _Outcome) -> None:
        outcome.error = self._statement("SAVEPOINT job")
        if outcome.error:
            return
        self._attempt(outcome)
        if outcome.error and self._connection.in_transaction:
            self._statement("ROLLBACK TO job")
        if self._connection.in_transaction:
            self._statement("RELEASE job")

    def _statement(self, sql: str) -> StoreFailure | None:
        try:
            self._connection.execute(sql)
        except sqlite3.Error as error:
            return StoreFailure(word_of(error))
        return None

    def _deliver(self, outcomes: Sequence[_Outcome]) -> None:
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Outcome]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.job.future is not None:
                by_loop[outcome.job.future.get_loop()].append(outcome)
            elif outcome.error is not None:
                self._report(outcome.error)
        for loop, answers in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, answers)
            except RuntimeError:
                # The loop has closed: nobody waits any more, and the work is committed all the same.
                logger.debug("%d answers of %s came after their event loop closed", len(answers), self.path.name)

    def _report(self, error: BaseException) -> None:
        self._on_failure(error.reason if isinstance(error, StoreFailure) else word_of(error))


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future is None or future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
