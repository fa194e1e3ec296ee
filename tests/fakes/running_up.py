"""`costward up` as a user starts it: a process of its own, whose printed lines a client is set up from."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.fakes.running_stack import ROOT

_EXPORT = re.compile(r"^export (?P<name>\w+)=(?P<value>\S+)$")

START_SECONDS = 45.0
"""It takes three; the rest is for a machine that is busy with other work."""

COMMAND = (sys.executable, "-m", "costward_cli", "up")


@dataclass
class RunningUp:
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    """Of both outputs, as far as they came."""
    exports: dict[str, str] = field(default_factory=dict)
    _reader: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return self.exports["OPENAI_BASE_URL"]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def stand_in_url(self) -> str:
        found = re.search(r"the stand-in \((\S+)\)", self.text)
        assert found, self.text
        return found[1]

    def bill(self) -> dict[str, object]:
        bill: dict[str, object] = httpx.get(f"{self.stand_in_url}/_stand_in/bill").json()
        return bill

    def children(self) -> list[psutil.Process]:
        """Alive, of all generations."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in found if _lives(child)]

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s:\n{self.text}"
            time.sleep(0.02)

    def until_recorded(self, headers: Mapping[str, str]) -> None:
        """Until the exchange of these response headers is settled and its line is printed, a moment after its end."""
        shown = headers["x-costward-request-id"][:12]
        self.until(lambda: shown in self.text, f"the decision line of {shown}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Its exit status."""
        self.process.send_signal(how)
        status = self.process.wait(timeout=20)
        if self._reader is not None:
            self._reader.join()
        return status

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := _EXPORT.match(line.strip()):
                self.exports[found["name"]] = found["value"]
            self.lines.append(line.rstrip("\n"))

    def start_reading(self) -> None:
        self._reader = threading.Thread(target=self.read, daemon=True)
        self._reader.start()


def up_words(policy: Path, state_dir: Path, *more: str) -> list[str]:
    """Port 0 lets the system choose, and there is no metrics port that two runs could fight for."""
    words = ["--policy", str(policy), "--state-dir", str(state_dir), "--admin-port", "0"]
    return [*COMMAND, *words, *([] if "--port" in more else ["--port", "0"]), *more]


@contextlib.contextmanager
def running_up(policy: Path, state_dir: Path, *more: str) -> Iterator[RunningUp]:
    process = subprocess.Popen(
        up_words(policy, state_dir, *more),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    up = RunningUp(process)
    up.start_reading()
    try:
        up.until(lambda: "Ctrl-C stops" in up.text or process.poll() is not None, "the start", START_SECONDS)
        assert process.poll() is None, up.text
        yield up
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            up._reader.join() if up._reader else None
            process.stdout.close()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        # A reader of policies or prices that ended between the two looks.
        return False
