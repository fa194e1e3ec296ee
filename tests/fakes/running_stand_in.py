"""The stand-in provider in a test's own loop, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from costward_cli.sockets import listen
from costward_cli.stand_in.app import StandIn
from costward_cli.stand_in.serve import new_stand_in, server


@dataclass
class RunningStandIn:
    stand_in: StandIn
    url: str
    client: httpx.AsyncClient

    async def ask(self, text: str, **more: Any) -> httpx.Response:
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}
        return await self.client.post("/v1/chat/completions", json=body)

    async def fail(self, **faults: Any) -> httpx.Response:
        return await self.client.post("/_stand_in/faults", json=faults)

    async def bill(self) -> dict[str, Any]:
        statement: dict[str, Any] = (await self.client.get("/_stand_in/bill")).json()
        return statement


@contextlib.asynccontextmanager
async def running_stand_in(
    *, labels: dict[str, str] | None = None, chunk_ms: float = 0, require_key: bool = False
) -> AsyncIterator[RunningStandIn]:
    stand_in = new_stand_in(labels, chunk_ms=chunk_ms, require_key=require_key)
    process = server(stand_in)
    # Signals belong to the test runner.
    process.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    with listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        task = asyncio.create_task(process.serve(sockets=[listener]))
        try:
            async with httpx.AsyncClient(base_url=url, timeout=10) as client:
                yield RunningStandIn(stand_in, url, client)
        finally:
            process.should_exit = True
            await task
