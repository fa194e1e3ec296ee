"""A data plane's process without an Envoy: the test speaks to its socket as Envoy would."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from costward_cli.readiness import grpc_serving
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import ExternalProcessorStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.fakes.running_stack import policy
from tests.fakes.services import request_body, request_headers, response_body, response_headers

START_SECONDS = 30.0
"""It takes one; the rest is for a machine that is busy with other work."""


@dataclass
class RunningDataPlane:
    process: asyncio.subprocess.Process
    socket: Path
    state_dir: Path
    log_file: Path
    channel: grpc.aio.Channel

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exchange(self) -> Any:
        return open_exchange(self.channel)

    async def health(self) -> int:
        """The status that a proxy's health check is told."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        return int(answer.status)

    @property
    def log(self) -> str:
        return self.log_file.read_text()


def open_exchange(channel: grpc.aio.Channel) -> Any:
    """A stream as Envoy opens one for each exchange: `await it.write(message)`, `await it.read()`."""
    return ExternalProcessorStub(channel).Process()


async def run_exchange(channel: grpc.aio.Channel, body: bytes, answer: bytes, **headers: str) -> dict[str, str]:
    """A whole exchange, as Envoy would have it. The headers that we give its caller, empty where it is let go."""
    call, told = open_exchange(channel), dict[str, str]()
    for message in (request_headers(**headers), request_body(body), response_headers(), response_body(answer)):
        await call.write(message)
        reply = await call.read()
        if reply is grpc.aio.EOF:
            return {}
        kind = reply.WhichOneof("response")
        if kind == "immediate_response":
            return _added(reply.immediate_response.headers)
        if kind == "response_headers":
            told = _added(reply.response_headers.response.header_mutation)
    await call.done_writing()
    return told


def _added(mutation: Any) -> dict[str, str]:
    return {option.header.key: option.header.raw_value.decode() for option in mutation.set_headers}


@contextlib.asynccontextmanager
async def running_data_plane(policy_text: str | None = None, **env: str) -> AsyncIterator[RunningDataPlane]:
    """One process that serves; `env` are further settings. It is killed at the end, if it still lives."""
    with tempfile.TemporaryDirectory(prefix="costward-") as name:
        folder = Path(name)
        policy_file, socket, state, log = (folder / part for part in ("policy.yaml", "s", "state", "log"))
        policy_file.write_text(policy_text or policy())
        given = {
            "COSTWARD_SOCKET": str(socket),
            "COSTWARD_POLICY_FILE": str(policy_file),
            "COSTWARD_STATE_DIR": str(state),
        }
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "costward_extproc"),
                env={**os.environ, **given, **env},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=sink,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not (socket.exists() and await grpc_serving(socket)):
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.02)
            async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
                yield RunningDataPlane(process, socket, state, log, channel)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
