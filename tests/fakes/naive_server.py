"""An ext_proc server that does what each test tells it, also what ours must never do.

A script is one handler of a gRPC stream: it reads and writes messages itself, so that it can return early, answer
twice, hold a reply back or fail. The scripts that several tests share are here; the others stand in their tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Mode = processing_mode_pb2.ProcessingMode


@dataclass
class Conversation:
    """One stream, as a script sees it."""

    context: Any
    messages: list[Any] = field(default_factory=list)
    ended: str = ""
    """How it ended: `eof`, `cancelled`, `returned` or `raised`."""

    async def read(self) -> Any | None:
        """None at its end."""
        message = await self.context.read()
        if message is grpc.aio.EOF:
            self.ended = "eof"
            return None
        self.messages.append(message)
        return message

    async def write(self, reply: Any) -> None:
        await self.context.write(reply)

    def header(self, name: str) -> str | None:
        """Of the request."""
        for message in self.messages:
            for header in message.request_headers.headers.headers:
                if header.key == name:
                    return str(header.raw_value.decode("latin-1"))
        return None

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.context.invocation_metadata())

    def bodies(self, side: str) -> list[bytes]:
        """`request_body` or `response_body`."""
        return [getattr(message, side).body for message in self.messages if message.HasField(side)]


Script = Callable[[Conversation], Awaitable[None]]


def neutral(message: Any) -> Any:
    """The reply that changes nothing."""
    reply = pb.ProcessingResponse()
    getattr(reply, message.WhichOneof("request")).SetInParent()
    return reply


def asking(**modes: Any) -> Any:
    """The headers reply that asks for more: `request_body="BUFFERED"`, `response_body="STREAMED"`."""
    reply = pb.ProcessingResponse(request_headers={}, mode_override=mode(**modes))
    return reply


def mode(*, request_body: str = "NONE", response_body: str = "NONE", trailers: bool = False) -> Any:
    return Mode(
        request_body_mode=Mode.BodySendMode.Value(request_body),
        response_body_mode=Mode.BodySendMode.Value(response_body),
        response_header_mode=Mode.SEND if response_body != "NONE" else Mode.SKIP,
        request_trailer_mode=Mode.SEND if trailers else Mode.SKIP,
        response_trailer_mode=Mode.SKIP,
    )


def replies(change: Callable[[Any], Any] = neutral, *, delay_s: float = 0.0, **modes: Any) -> Script:
    """Answers every message with `change` of it; the headers with a wish for these modes."""

    async def script(conversation: Conversation) -> None:
        while (message := await conversation.read()) is not None:
            if delay_s:
                await asyncio.sleep(delay_s)
            asks = bool(modes) and message.HasField("request_headers")
            await conversation.write(asking(**modes) if asks else change(message))

    return script


class NaiveServer:
    """`options`: of gRPC; none: grpcio's own defaults, with their limit of 4 MiB a message."""

    def __init__(self, socket: str, script: Script, options: tuple[tuple[str, Any], ...]) -> None:
        self.script = script
        self.conversations: list[Conversation] = []
        self._server = grpc.aio.server(options=options)
        pb_grpc.add_ExternalProcessorServicer_to_server(self, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_insecure_port(f"unix:{socket}")

    async def Process(self, _messages: object, context: Any) -> None:  # the name is the proto's
        conversation = Conversation(context)
        self.conversations.append(conversation)
        try:
            await self.script(conversation)
        except asyncio.CancelledError:
            conversation.ended = "cancelled"
            raise
        except Exception:
            conversation.ended = "raised"
            # grpcio would log the traceback of what a test does on purpose.
            await context.abort(grpc.StatusCode.INTERNAL, "told to fail")
        conversation.ended = conversation.ended or "returned"

    async def __aenter__(self) -> Self:
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(grace=0)


WIDE = pb.ProcessingResponse(mode_override=mode(request_body="FULL_DUPLEX_STREAMED", trailers=True))
"""A standalone override: the headers stay held until their own reply."""


async def whole_body(conversation: Conversation) -> list[bytes]:
    """Reads on to the request's end, answering nothing."""
    parts: list[bytes] = []
    while (message := await conversation.read()) is not None:
        parts.append(message.request_body.body)
        if message.request_body.end_of_stream:
            break
    return parts


def streamed_on(message: Any) -> Any:
    """In FULL_DUPLEX_STREAMED a chunk flows only if the reply holds it."""
    if not message.HasField("request_body"):
        return neutral(message)
    part = message.request_body
    mutation = {"streamed_response": {"body": part.body, "end_of_stream": part.end_of_stream}}
    return pb.ProcessingResponse(request_body={"response": {"body_mutation": mutation}})
