"""One worker process as its supervisor sees it, and how soon its place is filled again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
from dataclasses import dataclass, field
from pathlib import Path

from costward_extproc import admin
from costward_extproc.sockets import admin_socket, bound_socket, last_metrics

_ASK_S = 0.5
"""For an answer over a Unix socket that takes a millisecond; a worker that hangs must not hold up the others."""


@dataclass(frozen=True, slots=True)
class Pace:
    first_s: float = 0.1
    """A crash by one request is over at once, and until the worker is back the others carry its load."""
    longest_s: float = 5.0
    """What crashes at every start must not burn a core, and whoever mends it should not wait for long."""
    steady_s: float = 1.0
    """Having served this long, its next crash is a new one and the pause starts small again. A fault in the start, or
    in what callers send all the time, shows within milliseconds; and while a pause lasts, traffic passes unmetered."""
    start_s: float = 60.0
    """A start takes a second or two; the rest is for a machine that is busy with other work."""
    keep_s: float = 5.0
    """How often all workers are looked at. What a killed one counted since is lost to the metrics (its money is in the
    ledger), and each time costs a worker some milliseconds."""
    hung_s: float = 20.0
    """Without an answer for so long a worker is not slow but stuck, and is killed; proxies have left it long before."""
    end_s: float = 5.0
    """What a worker may take beyond its drain to close its files, before it is killed."""


@dataclass(eq=False, slots=True)
class Worker:
    """A process, from its start to its end."""

    number: int
    process: asyncio.subprocess.Process
    socket: Path
    """The data plane's, which its other names are made from."""
    born: float
    answered: float
    """Loop time of its last answer to us."""
    served: float | None = None
    """Loop time since which it serves."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def tell(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def says(self, path: str) -> str | None:
        """Its admin interface's answer; None where there is none, or not a good one. Blocks for _ASK_S at most."""
        try:
            status, body = admin.ask(admin_socket(self.socket, self.pid), path, _ASK_S)
        except (OSError, http.client.HTTPException):
            return None
        return body if status == 200 else None

    def last_words(self) -> str | None:
        """What it counted in all its life; None where it was killed. Removes what it left behind."""
        path = last_metrics(self.socket, self.pid)
        try:
            return path.read_text()
        except OSError:
            return None
        finally:
            for left in (path, admin_socket(self.socket, self.pid), bound_socket(self.socket, self.pid)):
                left.unlink(missing_ok=True)


@dataclass(eq=False, slots=True)
class Slot:
    """A worker's number, whichever process has it."""

    number: int
    pace: Pace
    current: Worker | None = None
    restarts: int = 0
    _next_s: float = field(default=0.0)

    def pause_after(self, served_s: float) -> float:
        """Its process ended unasked after serving so long: how long to wait before the next."""
        self.restarts += 1
        pause = self.pace.first_s if served_s > self.pace.steady_s else max(self._next_s, self.pace.first_s)
        self._next_s = min(2 * pause, self.pace.longest_s)
        return pause

    @property
    def keeps_ending(self) -> bool:
        """Whether the pause has come to its longest: a crash that no restart mends."""
        return self._next_s >= self.pace.longest_s


def how_it_ended(status: int) -> str:
    """Half a sentence."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
