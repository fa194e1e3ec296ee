"""One child process: started so that it cannot outlive us, ended so that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TETHER = Path(__file__).with_name("tether.py")

STOP_SECONDS = 5.0
"""Between the first signal and SIGKILL: longer than a data plane needs to settle its books, short enough for Ctrl-C."""

_TAIL_BYTES = 4_096
"""How much of a log an error shows: the last screenful."""

_LINE_LIMIT = 4 * 1024 * 1024
"""A decision line is about 2 kB; one that names every cap of a large policy must not break the reader."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def tail(self) -> str:
        """The end of its log, for an error message."""
        with self.log.open("rb") as file:
            file.seek(max(self.log.stat().st_size - _TAIL_BYTES, 0))
            return file.read().decode(errors="replace").strip()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """The signal, five seconds, SIGKILL; then whatever its process group still holds."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        self.sweep()
        await self.process.wait()

    def sweep(self) -> None:
        """End what is left of its group: workers that a crashed parent left behind would keep its sockets."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    read_stdout: bool = False,
    pass_fds: tuple[int, ...] = (),
) -> Child:
    """Start `command` in a session of its own, so that Ctrl-C in the terminal reaches only us.

    Standard error goes to `log`; standard output too, unless `read_stdout` hands it to the caller as a pipe.
    """
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", str(_TETHER), str(os.getpid())),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if read_stdout else sink,
            stderr=sink,
            env=dict(env) if env is not None else None,
            start_new_session=True,
            pass_fds=pass_fds,
            limit=_LINE_LIMIT,
        )
    return Child(name=name, process=process, log=log)
