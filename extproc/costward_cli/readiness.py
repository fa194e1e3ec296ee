"""Whether a part of the stack answers yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from costward_cli.child import Child
from costward_cli.problems import CliError

_POLL_SECONDS = 0.05
"""Parts take a tenth of a second to some seconds: asking more often would only cost them time."""

_CALL_SECONDS = 1.0


async def until_ready(child: Child, probe: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Raises CliError with the end of its log if the child ends, or does not answer in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while child.alive:
        if await probe():
            return
        if asyncio.get_running_loop().time() > deadline:
            raise CliError(
                f"the {child.name} does not answer after {seconds:g} s. Its log ends with:\n{child.tail()}",
                mend="on a busy machine, try again; else run `costward doctor`",
            )
        await asyncio.sleep(_POLL_SECONDS)
    raise CliError(
        f"the {child.name} ended with status {child.process.returncode}. Its log ends with:\n{child.tail()}",
        mend="correct what the log names, or run `costward doctor`",
    )


async def grpc_serving(socket: Path) -> bool:
    """The check that Envoy itself makes."""
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_CALL_SECONDS
            )
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def http_ready(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path, timeout=_CALL_SECONDS)).status_code == 200
    except httpx.TransportError:
        return False
