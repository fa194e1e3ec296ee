"""A data plane without decisions: answers Envoy's ext_proc streams as told and remembers what it was sent.

In a test's own loop: `async with FakeDataPlane(socket) as data_plane`. As a process (the stack's data plane command):
`python tests/fakes/fake_data_plane.py` reads COSTWARD_SOCKET and prints one JSON line per exchange.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Handler = Callable[[Any], Any]
"""ProcessingRequest to ProcessingResponse; None leaves the message without an answer."""


@dataclass
class SeenStream:
    metadata: dict[str, str]
    messages: list[Any] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """Of the request; None if Envoy did not send it."""
        for message in self.messages:
            for header in message.request_headers.headers.headers:
                if header.key == name:
                    return str(header.raw_value.decode())
        return None


def let_pass(request: Any) -> Any:
    """Go on unchanged, whatever this message is."""
    kind = request.WhichOneof("request")
    response = pb.ProcessingResponse()
    getattr(response, kind).SetInParent()
    return response


class FakeDataPlane:
    def __init__(self, socket: str, handler: Handler = let_pass) -> None:
        self.streams: list[SeenStream] = []
        self.handler = handler
        self.on_end: Callable[[SeenStream], None] = lambda _: None
        # The default of 4 MiB would turn a large buffered body into an error (and so into a silent bypass).
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        pb_grpc.add_ExternalProcessorServicer_to_server(self, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_insecure_port(f"unix:{socket}")

    async def Process(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        stream = SeenStream(metadata=dict(context.invocation_metadata()))
        self.streams.append(stream)
        try:
            async for request in requests:
                stream.messages.append(request)
                answer = self.handler(request)
                if answer is not None:
                    yield answer
        finally:
            self.on_end(stream)

    async def __aenter__(self) -> Self:
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(grace=0)


async def _serve_until_told() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def decision_line(stream: SeenStream) -> None:
        line = {"id": stream.header("x-request-id"), "decision": "pass", "pid": os.getpid()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    async with FakeDataPlane(os.environ["COSTWARD_SOCKET"]) as data_plane:
        data_plane.on_end = decision_line
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_serve_until_told())
