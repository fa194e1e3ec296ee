"""A real Envoy for one test."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from costward_cli import child
from costward_cli.envoy import envoy_binary
from costward_contract.wiring import EnvoySpec, envoy_bootstrap

Edit = Callable[[dict[str, Any]], None]


@dataclass
class RunningEnvoy:
    url: str
    admin: httpx.AsyncClient

    async def stat(self, name: str) -> int:
        """Value of the counters whose name ends so, summed; 0 where Envoy has none yet."""
        text = (await self.admin.get("/stats", params={"filter": name.replace(".", r"\.") + "$"})).text
        return sum(int(line.rsplit(": ", 1)[1]) for line in text.splitlines())


@contextlib.asynccontextmanager
async def running_envoy(spec: EnvoySpec, folder: Path, edit: Edit = lambda _: None) -> AsyncIterator[RunningEnvoy]:
    """`spec` must have an admin socket and listen on port 0. `edit` changes the bootstrap in place."""
    assert spec.admin_socket is not None
    config = folder / "envoy.json"
    bootstrap = envoy_bootstrap(spec)
    edit(bootstrap)
    config.write_text(json.dumps(bootstrap))
    command = [str(envoy_binary()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
    process = await child.start("envoy", command, log=folder / "envoy.log")
    transport = httpx.AsyncHTTPTransport(uds=spec.admin_socket)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as admin:
            await _until_ready(admin, process)
            listeners = (await admin.get("/listeners", params={"format": "json"})).json()
            address = listeners["listener_statuses"][0]["local_address"]["socket_address"]
            yield RunningEnvoy(f"http://127.0.0.1:{address['port_value']}", admin)
    finally:
        await process.stop()


async def _until_ready(admin: httpx.AsyncClient, process: child.Child) -> None:
    for _ in range(400):
        assert process.alive, process.tail()
        with contextlib.suppress(httpx.TransportError):
            if (await admin.get("/ready")).status_code == 200:
                return
        await asyncio.sleep(0.025)
    raise AssertionError(f"Envoy is not ready: {process.tail()}")
