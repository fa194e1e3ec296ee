"""A worker that hangs or dies is out of the real Envoy's path within 1.25 s, and back as soon as it serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from costward_cli import child
from costward_contract.wiring import EnvoySpec, Upstream

from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.running_envoy import RunningEnvoy, running_envoy

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
FAKE = Path(__file__).resolve().parents[1] / "fakes" / "fake_data_plane.py"
OUT_WITHIN_S = 2.0
"""250 ms until the next probe, a second of silence, and what a busy machine takes besides."""
AT_ONCE_S = 0.5


@dataclass
class Workers:
    envoy: RunningEnvoy
    client: httpx.AsyncClient
    children: list[child.Child]
    folder: Path

    async def start(self, number: int) -> None:
        socket = self.folder / f"{number}.sock"
        socket.unlink(missing_ok=True)
        env = {**os.environ, "COSTWARD_SOCKET": str(socket)}
        log = self.folder / f"{number}.log"
        self.children[number : number + 1] = [
            await child.start("worker", [sys.executable, str(FAKE)], log=log, env=env)
        ]

    def tell(self, number: int, what: signal.Signals) -> None:
        os.kill(self.children[number].pid, what)

    async def healthy(self, count: int, seconds: float = 10) -> float:
        """Seconds until Envoy takes so many for healthy."""
        began = time.monotonic()
        while await self.envoy.stat("cluster.costward_extproc.membership_healthy") != count:
            assert time.monotonic() - began < seconds, f"not {count} healthy workers after {seconds:g} s"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def ask(self) -> float:
        """Seconds that one exchange took."""
        began = time.monotonic()
        assert (await self.client.post(CHAT, json={})).status_code == 200
        return time.monotonic() - began

    async def bypassed(self) -> int:
        return await self.envoy.stat("ext_proc.costward.failure_mode_allowed")


@contextlib.asynccontextmanager
async def two_workers() -> AsyncIterator[Workers]:
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        folder = Path(name)
        async with serving(echo_app()) as (host, port):
            sockets = tuple(str(folder / f"{number}.sock") for number in range(2))
            upstream = Upstream("echo", f"http://{host}:{port}")
            spec = EnvoySpec((upstream,), sockets, listen_port=0, admin_socket=str(folder / "a.sock"))
            async with (
                running_envoy(spec, folder) as envoy,
                httpx.AsyncClient(base_url=envoy.url, timeout=20) as client,
            ):
                workers = Workers(envoy, client, [], folder)
                try:
                    await workers.start(0)
                    await workers.start(1)
                    await workers.healthy(2)
                    yield workers
                finally:
                    for worker in workers.children:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(worker.pid, signal.SIGCONT)
                        await worker.stop()


async def test_a_hung_worker_is_left_out_and_taken_back() -> None:
    async with two_workers() as workers:
        workers.tell(0, signal.SIGSTOP)
        assert await workers.healthy(1) < OUT_WITHIN_S
        assert max([await workers.ask() for _ in range(10)]) < AT_ONCE_S
        workers.tell(0, signal.SIGCONT)
        assert await workers.healthy(2) < OUT_WITHIN_S


async def test_with_all_workers_hung_exchanges_pass_at_once() -> None:
    async with two_workers() as workers:
        for number in range(2):
            workers.tell(number, signal.SIGSTOP)
        await workers.healthy(0)
        before = await workers.bypassed()
        # Above a panic threshold of 0 Envoy would send these to the hung ones, a second each.
        assert max([await workers.ask() for _ in range(10)]) < AT_ONCE_S
        assert await workers.bypassed() == before + 10


async def test_a_killed_worker_costs_one_exchange_and_not_half_of_them() -> None:
    async with two_workers() as workers:
        workers.tell(0, signal.SIGKILL)
        await workers.children[0].process.wait()
        waits = [await workers.ask() for _ in range(40)]
        assert max(waits) < AT_ONCE_S
        # Refused connections eject it before the probes find out.
        assert await workers.bypassed() <= 2
        await workers.start(0)
        await workers.healthy(2)
        await asyncio.sleep(1)
        before = await workers.bypassed()
        for _ in range(10):
            await workers.ask()
        assert await workers.bypassed() == before
