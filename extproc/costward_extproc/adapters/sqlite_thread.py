"""A thread for SQLite files, so that no event loop ever waits for a disk.

Jobs are functions of a connection. The thread takes all that are queued, runs those of one file in their order inside
one transaction and commits once: under load the price of a commit is shared. A job that raises is undone alone.

While another process holds a file's write lock, whoever waits is told so at once, and what nobody waits for stays in
its order and is tried again: a short lock loses nothing.

Several files may share a thread, and should where one caller asks several of them at once: every thread that wakes
takes the interpreter from the event loop for a while, which costs a request more than SQLite itself does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from costward_extproc.adapters.sqlite_file import BUSY_TIMEOUT_MS, Schema, open_file, word_of
from costward_extproc.adapters.sqlite_jobs import Job, Mode, Outcome, deliver, is_refused
from costward_extproc.adapters.turns import Turns
from costward_extproc.errors import StoreFailure

T = TypeVar("T")

MAX_BATCH = 256
"""Jobs in one transaction. At 10 to 20 µs each it holds the write lock for at most about 5 ms, which is what another
worker's reservation may have to wait."""

LAZY_S = 0.002
"""How long work that nobody waits for may wait for company. It is then done in one wake-up with the next request's
reads; a kill loses at most this much more of what was not committed anyway."""

RETRY_EVERY_S = 0.1
"""How soon refused work is tried again: seldom enough to cost nothing, soon enough that counters lag unnoticed."""

RETRY_FOR_S = 30.0
"""Half of a lease: what the ledger cannot write for longer, leases charge by themselves."""

CLOSING_S = 2.0
"""How long a closing database tries on: little of the half minute that a process usually has for its end."""


def _ignore(_reason: str) -> None:
    pass


class StoreThread:
    """Runs the jobs of one or several databases. Ends when the last of them is closed."""

    def __init__(self, lazy_s: float = LAZY_S) -> None:
        self._lazy_s = lazy_s
        self._queue: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._waiting: list[Job] = []
        self._timer_is_set = False
        self._open: set[Database] = set()
        self._thread = threading.Thread(target=self._work, name="stores", daemon=True)

    def open(self, database: Database) -> None:
        with self._gate:
            self._open.add(database)
            if not self._thread.is_alive():
                self._thread.start()

    def add(self, job: Job) -> bool:
        """Queue a job behind all others of its database. False: the database is closed."""
        with self._gate:
            if job.database not in self._open:
                return False
            self._waiting.append(job)
            job.database.queued += 1
            if job.future is not None or len(self._waiting) >= MAX_BATCH or not self._set_timer():
                self._hand_over()
            return True

    def close(self, database: Database) -> None:
        """Finish what is queued. Blocks; the thread itself ends with its last database."""
        closed = threading.Event()

        def end(connection: sqlite3.Connection) -> None:
            connection.close()
            database.leave()
            closed.set()

        with self._gate:
            if database not in self._open:
                return
            self._open.remove(database)
            self._waiting.append(Job(database, end, "close", None))
            self._hand_over()
            if not self._open:
                self._queue.put(None)
        closed.wait()

    def _set_timer(self) -> bool:
        """See that what waits is handed over soon; False where no event loop can do it."""
        if not self._timer_is_set:
            try:
                asyncio.get_running_loop().call_later(self._lazy_s, self._on_timer)
            except RuntimeError:
                return False
            self._timer_is_set = True
        return True

    def _on_timer(self) -> None:
        with self._gate:
            self._timer_is_set = False
            self._hand_over()

    def _hand_over(self) -> None:
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []

    # ---- on the thread ----

    def _work(self) -> None:
        running = True
        late: list[Database] = []
        while running:
            batch, running = self._drain(RETRY_EVERY_S if late else None)
            by_database: defaultdict[Database, list[Job]] = defaultdict(list)
            for database in late:
                by_database[database] = []
            for job in batch:
                by_database[job.database].append(job)
            # Files that somebody waits for come first, and are answered before the others are begun.
            awaited = {job.database for job in batch if job.future is not None}
            deliver([outcome for database in awaited for outcome in database.perform(by_database.pop(database))])
            for database, jobs in by_database.items():
                deliver(database.perform(jobs))
            late = [database for database in {*late, *(job.database for job in batch)} if database.has_late]

    def _drain(self, at_most_s: float | None) -> tuple[list[Job], bool]:
        batch: list[Job] = []
        try:
            jobs = self._queue.get(timeout=at_most_s)
            while jobs is not None:
                batch += jobs
                if len(batch) >= MAX_BATCH:
                    return batch, True
                jobs = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False


class Database:
    """A SQLite file. `run`, `read` and `post` belong to event loops; several loops may share it.

    `on_failure` gets one word for each posted job that failed, on the thread.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        on_failure: Callable[[str], None] = _ignore,
        thread: StoreThread | None = None,
        retry_s: float = RETRY_FOR_S,
    ) -> None:
        """Opens the file here and now; without `thread` it gets one of its own. Posted jobs that find the file locked
        are tried again for `retry_s`. Raises SettingsError if its folder cannot be used."""
        self.path = path
        self.moved_aside: Path | None
        """Where a damaged file that was found at start is kept now."""
        self._connection, self.moved_aside = open_file(path, schema)
        self._turns = Turns(path)
        self._patience_s = BUSY_TIMEOUT_MS / 1000
        """How long the lock may be waited for, our turn included."""
        self._on_failure = on_failure
        self.queued = 0
        """Jobs ever added, counted under the thread's gate; `_performed` is counted by the thread alone."""
        self._performed = 0
        self._late: list[tuple[float, Job]] = []
        """Posted jobs that were refused as busy, in their order, and when to give each up. The thread's alone."""
        self._retry_s = retry_s
        self._tried_at = 0.0
        self._thread = thread or StoreThread()
        self._thread.open(self)

    @property
    def backlog(self) -> int:
        """Jobs that are not done yet. Large only when the disk stalls."""
        return self.queued - self._performed

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `fn` once it is committed. A cancelled caller does not stop it. Raises StoreFailure."""
        return await self._ask(fn, "write")

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """As `run`, for functions that only read: they need no write lock. Sees all jobs queued before, but for those
        that another process's lock holds up."""
        return await self._ask(fn, "read")

    def post(self, fn: Callable[[sqlite3.Connection], object]) -> None:
        """Run `fn` soon, in the order of posting; failures go to `on_failure`, a locked file not at once."""
        if not self._thread.add(Job(self, fn, "write", None)):
            self._on_failure("closed")

    async def checkpoint(self) -> None:
        """Write all commits through to the disk, so that not even a power cut undoes them. Raises StoreFailure."""
        await self._ask(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone(), "bare")

    def close(self) -> None:
        """Finish what is queued, for CLOSING_S at most if the file is locked, then close it. Blocks; may be called
        twice."""
        self._thread.close(self)

    async def _ask(self, fn: Callable[[sqlite3.Connection], T], mode: Mode) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if not self._thread.add(Job(self, fn, mode, future)):
            raise StoreFailure("closed")
        return await future

    # ---- on the thread ----

    @property
    def has_late(self) -> bool:
        return bool(self._late)

    def perform(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What is done of these and of what was late. Jobs that are late (again) are not among them."""
        ends = [job for job in jobs if job.mode == "close"]
        done = self._advance([job for job in jobs if job.mode != "close"])
        if ends:
            done += self._see_out() + self._count(self._transact(ends))
        return done

    def _advance(self, jobs: Sequence[Job]) -> list[Outcome]:
        done = self._give_up(time.monotonic())
        awaited = any(job.mode == "write" and job.future is not None for job in jobs)
        # Whoever only reads does not wait for what is late.
        if self._late and (awaited or time.monotonic() - self._tried_at >= RETRY_EVERY_S):
            done += self._retry(patient=awaited)
        if not self._late:
            return done + self._finish(self._transact(jobs))
        # Nothing that writes overtakes what is late, or an older write would undo a newer one.
        writes = [Outcome(job, error=StoreFailure("busy")) for job in jobs if job.mode == "write"]
        return done + self._finish(writes) + self._finish(self._transact([job for job in jobs if job.mode != "write"]))

    def _see_out(self) -> list[Outcome]:
        done: list[Outcome] = []
        until = time.monotonic() + CLOSING_S
        while self._late and time.monotonic() < until:
            done += self._retry(patient=True)
        return done + self._give_up(inf)

    def _retry(self, patient: bool) -> list[Outcome]:
        done: list[Outcome] = []
        self._wait_for_lock(BUSY_TIMEOUT_MS / 1000 if patient else 0)
        while self._late:
            tried, self._late = self._late[:MAX_BATCH], self._late[MAX_BATCH:]
            outcomes = self._transact([job for _, job in tried])
            refused = [late for late, outcome in zip(tried, outcomes, strict=True) if is_refused(outcome)]
            self._late = refused + self._late
            done += self._count(outcome for outcome in outcomes if not is_refused(outcome))
            if refused:
                break
        self._tried_at = time.monotonic()
        self._wait_for_lock(BUSY_TIMEOUT_MS / 1000)
        return done

    def _wait_for_lock(self, at_most_s: float) -> None:
        self._patience_s = at_most_s
        self._statement(f"PRAGMA busy_timeout={round(1000 * at_most_s)}")

    def leave(self) -> None:
        """The connection is closed."""
        self._turns.close()

    def _finish(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Keep what was refused for later."""
        refused = [outcome.job for outcome in outcomes if is_refused(outcome)]
        if refused and not self._late:
            self._tried_at = time.monotonic()
        self._late += [(time.monotonic() + self._retry_s, job) for job in refused]
        return self._count(outcome for outcome in outcomes if not is_refused(outcome))

    def _give_up(self, now: float) -> list[Outcome]:
        over = [Outcome(job, error=StoreFailure("busy")) for until, job in self._late if until <= now]
        self._late = [late for late in self._late if late[0] > now]
        return self._count(over)

    def _count(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        done = list(outcomes)
        self._performed += len(done)
        for outcome in done:
            if outcome.job.future is None and outcome.error is not None:
                self._report(outcome.error)
        return done

    def _transact(self, batch: Sequence[Job]) -> list[Outcome]:
        outcomes = [Outcome(job) for job in batch]
        writes = [outcome for outcome in outcomes if outcome.job.mode == "write"]
        if not writes:
            return self._work_off(outcomes, writes)
        if self._turns.take(self._patience_s / 2):
            try:
                return self._work_off(outcomes, writes)
            finally:
                self._turns.give()
        # Whoever has the turn may have been stopped without the lock: the other half of the time is for trying.
        patience_s = self._patience_s
        self._wait_for_lock(patience_s / 2)
        try:
            return self._work_off(outcomes, writes)
        finally:
            self._wait_for_lock(patience_s)

    def _work_off(self, outcomes: list[Outcome], writes: list[Outcome]) -> list[Outcome]:
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
            if outcome.job.mode in ("bare", "close"):
                self._attempt(outcome)
        return outcomes

    def _commit(self, writes: Sequence[Outcome]) -> None:
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

    def _attempt(self, outcome: Outcome) -> None:
        try:
            outcome.value = outcome.job.fn(self._connection)
        except sqlite3.Error as error:
            outcome.error = StoreFailure(word_of(error))
        except Exception as error:
            outcome.error = error

    def _attempt_apart(self, outcome: Outcome) -> None:
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

    def _report(self, error: BaseException) -> None:
        self._on_failure(error.reason if isinstance(error, StoreFailure) else word_of(error))
