"""One process of the bench: started so that it cannot outlive the tests, awaited by a question, ended by its id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from costward_cli import child

TETHER = Path(child.__file__).with_name("tether.py")
READY_SECONDS = 90.0
"""kube-apiserver takes 5 s on an idle machine; the rest tells a slow one from one that hangs."""
STOP_SECONDS = 15.0
"""Between SIGTERM and SIGKILL: kube-apiserver waits for its open watches before it goes."""
TAIL_BYTES = 4_096
"""How much of a log a failed test shows: the last screenful."""
POLL_SECONDS = 0.1


class BenchError(Exception):
    """A part of the bench does not run; the message ends with its log."""


@dataclass(slots=True)
class Process:
    """A command with its log, which can be started, paused, restarted and stopped any number of times.

    `is_ready` is asked until it says yes.
    """

    name: str
    command: Sequence[str]
    log: Path
    is_ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    _running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Raises BenchError where it is not running."""
        if self._running is None or self._running.poll() is not None:
            raise BenchError(f"{self.name} is not running. Its log ends with:\n{self.tail()}")
        return self._running.pid

    def start(self) -> None:
        """Returns when it is ready. Raises BenchError."""
        self.begin()
        self.await_ready()

    def begin(self) -> None:
        """Does not wait. It ends with the thread that calls this, which therefore is one that lasts."""
        with self.log.open("ab") as sink:
            self._running = subprocess.Popen(
                [sys.executable, "-S", "-E", str(TETHER), str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=True,
            )

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Raises BenchError where it ends or does not answer within `seconds`."""
        until(self._answers, f"{self.name} ready", seconds=seconds, show=self.tail)

    def _answers(self) -> bool:
        assert self.pid, "raises where the process has ended"
        return self.is_ready()

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP and SIGCONT make a part hang and go on; SIGKILL takes it away, and `start` brings it back."""
        os.kill(self.pid, number)
        if number is signal.SIGKILL and self._running is not None:
            self._running.wait()

    def stop(self) -> None:
        """SIGTERM, some seconds, SIGKILL for it and whatever it started."""
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            # A part that a test left stopped would not hear SIGTERM.
            running.send_signal(signal.SIGCONT)
            running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def tail(self) -> str:
        """The end of its log."""
        if not self.log.is_file():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self.log.stat().st_size - TAIL_BYTES, 0))
            return file.read().decode(errors="replace").strip()


def until(
    holds: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS, show: Callable[[], str] = lambda: ""
) -> None:
    """Ask `holds` until it says yes. Raises BenchError with `show()` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {seconds:g} s\n{show()}")
        time.sleep(POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on; all held until the last is chosen, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [int(taken.getsockname()[1]) for taken in sockets]


def says_ok(url: str, *, ca: Path | None = None, token: str | None = None) -> bool:
    """Whether a GET is answered with 200; no where nobody listens, or the server has not written its `ca` yet."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        verify = ssl.create_default_context(cafile=str(ca)) if ca else False
        return httpx.get(url, headers=headers, verify=verify, timeout=5).status_code == 200
    except (OSError, httpx.TransportError):
        return False
