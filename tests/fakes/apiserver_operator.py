"""The operator in this process, against the fake API server, with data planes that take what they get."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from costward_contract.snapshot import Snapshot
from costward_operator.app import World, run
from costward_operator.core.delivery import DataPlane, Proof
from costward_operator.core.rollout import Trying
from costward_operator.settings import Settings

from tests.fakes.apiserver import ApiServer

WITHIN_S = 30.0
"""For what takes milliseconds on an idle machine: tells a wait from a hang."""


@dataclass
class Planes:
    """Publisher and proofs: every data plane acknowledges at once, and every path is seen."""

    names: tuple[str, ...] = ("one", "two")
    published: list[Snapshot] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)
    """Of the data planes that each was for."""
    on_publish: Callable[[], None] = lambda: None

    async def publish(self, snapshot: Snapshot, percent: int = 100) -> None:
        self.published.append(snapshot)
        self.percents.append(percent)
        self.on_publish()

    @property
    def first(self) -> tuple[Trying, ...]:
        return ("took",) if self.percents[-1:] != [100] else ()

    @property
    def acks(self) -> tuple[DataPlane, ...]:
        hash = self.published[-1].hash if self.published else ""
        return tuple(DataPlane(name, acked=hash) for name in self.names)

    @property
    def proofs(self) -> Mapping[str, Proof]:
        return {policy.ref: Proof("Seen") for policy in (self.published[-1].policies if self.published else ())}

    @property
    def names_published(self) -> list[set[str]]:
        return [{policy.name for policy in snapshot.policies} for snapshot in self.published]


@dataclass
class Running:
    task: asyncio.Task[None]
    stop: asyncio.Event
    port: int
    planes: Planes

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()

    async def until(self, holds: Callable[[], Any], within_s: float = WITHIN_S) -> None:
        """Waits for it, unless the operator ends first."""
        async with asyncio.timeout(within_s):
            while not holds():
                if self.task.done():
                    await self.task
                    raise AssertionError("the operator ended")
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """Without a word to anyone: the lease stays, and what was on its way may or may not have arrived."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            await self.task


def settings(api: ApiServer, folder: Path, **changed: Any) -> Settings:
    token = folder / "token"
    token.write_text("good")
    quick = {"debounce_s": 0.02, "settle_s": 0.1, "save_s": 0.05}
    return Settings(
        **{"server": api.url, "token_file": token, "ca_file": None, "admin": ("127.0.0.1", 0), **quick, **changed}
    )


@asynccontextmanager
async def operator(
    api: ApiServer, folder: Path, me: str = "a", planes: Planes | None = None, **changed: Any
) -> AsyncIterator[Running]:
    ports: list[int] = []
    stop, planes = asyncio.Event(), planes or Planes()
    clock = changed.pop("clock", time.monotonic)
    wall = changed.pop("wall", time.time)
    world = World(me=me, publisher=planes, proofs=planes, clock=clock, wall=wall, started=ports.append)
    task = asyncio.create_task(run(settings(api, folder, **changed), world, stop))
    running = Running(task, stop, 0, planes)
    await running.until(lambda: ports)
    running.port = ports[0]
    try:
        yield running
    finally:
        await running.kill()


def condition(api: ApiServer, name: str, type: str, namespace: str = "team") -> str:
    """`Status/Reason` of it, as the object has it; empty where there is none."""
    body = api.state.objects.get(("costpolicies", namespace, name), {})
    found = [each for each in body.get("status", {}).get("conditions", ()) if each["type"] == type]
    return f"{found[0]['status']}/{found[0]['reason']}" if found else ""
