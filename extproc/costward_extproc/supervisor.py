"""Several workers as one data plane: started, restarted when they die, replaced one by one, and ended together.

Each worker is a process of its own with a socket of its own, so the supervisor is never in an exchange's way: it reads
their decision lines, adds up their metrics and watches over their lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

from costward_extproc import overview
from costward_extproc.adapters.line_pump import LinePump
from costward_extproc.adapters.merged_metrics import MergedMetrics
from costward_extproc.settings import Settings
from costward_extproc.worker import Pace, Slot, Worker, how_it_ended

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "costward_extproc")

UNUSABLE = 2
"""Status of a worker whose settings cannot be used: no restart mends them."""

_POLL_S = 0.05
"""While something is waited for: a start takes a second."""


@dataclass(eq=False)
class Supervisor:
    settings: Settings
    environ: Mapping[str, str]
    """Of the workers, besides what the supervisor sets."""
    command: Sequence[str] = COMMAND
    pace: Pace = field(default_factory=Pace)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _workers: set[Worker] = field(default_factory=set)
    """All that live: those of the slots, and predecessors that finish their streams."""
    _has_served: bool = False
    _ending: signal.Signals | None = None
    _rolling: bool = False

    def __post_init__(self) -> None:
        self._slots = [Slot(number, self.pace) for number in range(self.settings.workers)]
        self._over = asyncio.Event()
        self._metrics = MergedMetrics(self._look)
        self._pump = LinePump(sys.stdout.buffer)

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; SIGHUP replaces all workers. The status to exit with. Raises SettingsError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self._roll_soon)
        self.settings.socket.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.callback(self._pump.close)
            if self.settings.admin_port:
                told = overview.admin_of(
                    self.settings.admin_port, self._metrics, self._slots, lambda: list(self._workers)
                )
                stack.callback(told.close)
            for slot in self._slots:
                await self._start(slot)
            keeping = asyncio.create_task(self._keep())
            await self._over.wait()
            await self._see_out()
            keeping.cancel()
        return 0 if self._ending else UNUSABLE

    # ---- lives ----

    async def _start(self, slot: Slot) -> None:
        slot.current = await self._spawn(slot)
        if slot.current is None:
            self._later(self._restart(slot, "could not be started", 0.0))
        else:
            self._later(self._told_when_serving(slot.current))

    async def _spawn(self, slot: Slot) -> Worker | None:
        settings, now = self.settings, asyncio.get_running_loop().time()
        given = {"COSTWARD_WORKER": str(slot.number), "COSTWARD_SUPERVISOR": str(os.getpid())}
        lines, end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=end, env={**self.environ, **given}
            )
        except OSError as problem:
            os.close(lines)
            log.error("worker %d cannot be started: %s", slot.number, problem.strerror)
            return None
        finally:
            os.close(end)
        self._pump.carry(lines)
        worker = Worker(slot.number, process, settings.socket, now, now)
        self._workers.add(worker)
        self._metrics.arrived(worker.pid)
        self._later(self._watch(slot, worker))
        return worker

    async def _watch(self, slot: Slot, worker: Worker) -> None:
        status = await worker.process.wait()
        self._workers.discard(worker)
        self._metrics.departed(worker.pid, await asyncio.to_thread(worker.last_words))
        if self._over.is_set() or slot.current is not worker:
            return
        slot.current = None
        if status == UNUSABLE and not self._has_served:
            # It has said why.
            self._over.set()
            return
        now = asyncio.get_running_loop().time()
        await self._restart(slot, how_it_ended(status), 0.0 if worker.served is None else now - worker.served)

    async def _restart(self, slot: Slot, how: str, served_s: float) -> None:
        pause = slot.pause_after(served_s)
        level, again = (logging.ERROR, ", as it keeps ending") if slot.keeps_ending else (logging.WARNING, "")
        log.log(level, "worker %d %s; restart %d in %g s%s", slot.number, how, slot.restarts, pause, again)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), pause)
        # A rolling restart may have filled its place meanwhile.
        if not self._over.is_set() and slot.current is None:
            await self._start(slot)

    async def _told_when_serving(self, worker: Worker) -> None:
        if await self._until(worker, "/ready", self.pace.start_s):
            self._has_served, worker.served = True, asyncio.get_running_loop().time()
            log.info("worker %d serves, process %d", worker.number, worker.pid)

    async def _until(self, worker: Worker, path: str, seconds: float) -> bool:
        """Whether it says yes within this time, and lives."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while worker in self._workers and loop.time() < until and not self._over.is_set():
            if await asyncio.to_thread(worker.says, path) is not None:
                return True
            await asyncio.sleep(_POLL_S)
        return False

    # ---- replacing all ----

    def _roll_soon(self) -> None:
        if self._rolling or self._over.is_set():
            log.warning("already replacing the workers, or ending: nothing more to do")
        else:
            self._later(self._roll())

    async def _roll(self) -> None:
        """One after the other, so that at most one is away from the proxies' sight at a time."""
        self._rolling = True
        try:
            for slot in self._slots:
                if not await self._replaced(slot):
                    log.error("the new worker %d does not serve: the old one goes on, others are kept", slot.number)
                    return
            log.info("all %d workers are replaced", len(self._slots))
        finally:
            self._rolling = False

    async def _replaced(self, slot: Slot) -> bool:
        """A successor serves on the same socket, proxies have seen it, and the old one finishes its streams."""
        successor = await self._spawn(slot)
        if successor is None:
            return False
        if not await self._until(successor, "/ready", self.pace.start_s):
            successor.tell(signal.SIGTERM)
            return False
        successor.served = asyncio.get_running_loop().time()
        predecessor, slot.current = slot.current, successor
        if predecessor is not None:
            predecessor.tell(signal.SIGHUP)
        # Proxies look again within `probe_s` at the old one, then at its successor. Without any, nothing is lost.
        await self._until(successor, "/probed", 3 * self.settings.probe_s)
        return True

    # ---- the end ----

    def _end(self, how: signal.Signals) -> None:
        self._ending = how
        self._over.set()
        for worker in self._workers:
            worker.tell(how)

    async def _see_out(self) -> None:
        # Some may have been started while we were told to end.
        for worker in self._workers:
            worker.tell(self._ending or signal.SIGTERM)
        settings = self.settings
        allowed = settings.probe_s + settings.drain_s + self.pace.end_s
        _, late = await asyncio.wait(self._tasks, timeout=allowed) if self._tasks else (set(), set())
        for worker in list(self._workers):
            log.error("worker %d did not end within %g s and is killed", worker.number, allowed)
            worker.tell(signal.SIGKILL)
        if late:
            await asyncio.wait(late)

    # ---- looking ----

    async def _keep(self) -> None:
        """Keep figures, and end whatever hangs, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.pace.keep_s)
            answered = await asyncio.to_thread(self._look)
            for worker in answered:
                worker.answered = loop.time()
            for worker in self._workers:
                silent = loop.time() - worker.answered
                if silent > self.pace.hung_s and loop.time() - worker.born > self.pace.start_s:
                    log.error("worker %d has not answered for %.0f s and is killed", worker.number, silent)
                    worker.tell(signal.SIGKILL)

    def _look(self) -> list[Worker]:
        """Take in every worker's figures. Those whose event loop runs are returned."""
        alive = []
        for worker in list(self._workers):
            if (figures := worker.says("/metrics")) is not None:
                self._metrics.saw(worker.pid, figures)
            if worker.says("/health") is not None:
                alive.append(worker)
        return alive

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def run(settings: Settings, environ: Mapping[str, str]) -> int:
    """The status to exit with. Raises SettingsError before anything is started."""

    async def supervise() -> int:
        return await Supervisor(settings, environ).run()

    return asyncio.run(supervise())
