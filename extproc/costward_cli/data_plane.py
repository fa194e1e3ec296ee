"""The data plane as a child that comes back: started, read from, and restarted when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costward_cli import child
from costward_cli.problems import CliError
from costward_cli.readiness import grpc_serving, until_ready

READY_SECONDS = 30.0
"""For each worker. Loading the embedder takes about a second; the rest is for a machine that is busy otherwise."""

FIRST_PAUSE_SECONDS = 0.2
"""A crash by one request is over at once, and until we are back requests pass unmetered or fail."""

LONGEST_PAUSE_SECONDS = 5.0
"""Something that crashes at every start must not burn a core, and a person who mends it should not wait."""

STEADY_SECONDS = 1.0
"""Having served this long, its next crash is a new one and the pause starts small again. A fault in the start, or in
what callers send all the time, shows within milliseconds; and while a pause lasts, traffic passes unmetered."""


@dataclass(slots=True)
class DataPlane:
    command: Sequence[str]
    env: Mapping[str, str]
    sockets: Sequence[Path]
    """Of all its workers."""
    log: Path
    on_decision: Callable[[dict[str, Any]], None]
    on_event: Callable[[str], None]
    restarts: int = 0
    _child: child.Child | None = None
    _keeper: asyncio.Task[None] | None = None
    _reader: asyncio.Task[None] | None = None
    _pause: float = field(default=FIRST_PAUSE_SECONDS)
    _served: float = field(default=float("inf"))
    """Loop time since which it serves; infinite: not yet."""

    @property
    def pid(self) -> int | None:
        """Of its supervisor, where it has several workers. None while it is down."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def start(self) -> None:
        """Until it serves. Raises CliError."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it and read its last decisions."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._child is not None:
            # Whoever asks for the end of the stack has closed its Envoy: there is nobody to drain for.
            await self._child.stop(signal.SIGINT)
        if self._reader is not None:
            await self._reader

    async def _launch(self) -> None:
        self._served = float("inf")
        for socket in self.sockets:
            # What a killed process left behind looks like a data plane that does not answer.
            socket.unlink(missing_ok=True)
        self._child = await child.start("data plane", self.command, log=self.log, env=self.env, read_stdout=True)
        self._reader = asyncio.create_task(self._read(self._child))
        # Several workers load beside each other, on the same cores.
        await until_ready(self._child, self._serves, READY_SECONDS * len(self.sockets))
        self._served = asyncio.get_running_loop().time()

    async def _serves(self) -> bool:
        return all([await grpc_serving(socket) for socket in self.sockets])

    async def _keep(self) -> None:
        """Restart it for as long as the stack lives."""
        loop = asyncio.get_running_loop()
        while self._child is not None:
            status = await self._child.process.wait()
            self._child.sweep()
            self._pause = FIRST_PAUSE_SECONDS if loop.time() - self._served > STEADY_SECONDS else self._pause
            self.on_event(f"the data plane ended with status {status}; starting it again in {self._pause:g} s")
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self.restarts += 1
            await self._relaunch()

    async def _relaunch(self) -> None:
        try:
            await self._launch()
        except CliError as error:
            self.on_event(error.problem)
            if self._child is not None:
                await self._child.stop()
        else:
            self.on_event(f"the data plane serves again (restart {self.restarts})")

    async def _read(self, source: child.Child) -> None:
        """Its standard output: one decision per line. Always read, or a full pipe would stop it."""
        stdout = source.process.stdout
        while stdout is not None:
            try:
                line = await stdout.readline()
            except ValueError:
                self.on_event("the data plane wrote a decision line that is too long to read; it was left out")
                continue
            if not line:
                return
            with contextlib.suppress(ValueError):
                decision = json.loads(line)
                if isinstance(decision, dict):
                    self.on_decision(decision)
