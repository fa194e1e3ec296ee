"""What a proxy sees on its connection while we drain, frame by frame: health first, then GOAWAY, which streams outlive.

A gRPC client would hide the frame, as it opens a new connection by itself, and h2 closes its connection at the first of
the two that gRPC sends. So the test reads frames.
"""

from __future__ import annotations

import asyncio
import json
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hpack
import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as ep
from grpc_health.v1 import health_pb2
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from tests.fakes.running_data_plane import running_data_plane
from tests.fakes.services import request_body, request_headers, response_body, response_headers
from tests.fakes.world import chat, completion

pytestmark = pytest.mark.slow

PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
CHECK = "/grpc.health.v1.Health/Check"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PREFIX = 5
"""Bytes before each gRPC message."""
_COMES_S = 15.0
PROBE = {"COSTWARD_PROBE_SECONDS": "1"}
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Proxy:
    """One connection. `seen`: GOAWAYs with the last stream that they promise to serve, and resets, in order."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    status: dict[int, str] = field(default_factory=dict)
    _encoder: hpack.Encoder = field(default_factory=hpack.Encoder)
    _decoder: hpack.Decoder = field(default_factory=hpack.Decoder)

    def greet(self) -> None:
        self.writer.write(PREFACE + SettingsFrame(0).serialize())

    def open(self, path: str) -> int:
        """The stream's number."""
        stream = 2 * len(self.data) + 1
        self.data[stream] = b""
        names = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "costward")]
        head = self._encoder.encode([*names, ("te", "trailers"), ("content-type", "application/grpc")])
        self.writer.write(HeadersFrame(stream, head, flags=["END_HEADERS"]).serialize())
        return stream

    def send(self, stream: int, message: Any, *, last: bool = False) -> None:
        body = message.SerializeToString()
        flags = ["END_STREAM"] if last else []
        self.writer.write(DataFrame(stream, struct.pack(">BI", 0, len(body)) + body, flags=flags).serialize())

    async def receive(self, stream: int, kind: type[Any]) -> Any:
        """The next message of this stream."""
        await self.until(lambda: len(self.data[stream]) >= _whole(self.data[stream]), "a message")
        size = _whole(self.data[stream])
        message, self.data[stream] = self.data[stream][_PREFIX:size], self.data[stream][size:]
        return kind.FromString(message)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(_COMES_S):
                while not condition():
                    self._note(await self._frame())
        except (TimeoutError, asyncio.IncompleteReadError):
            pytest.fail(f"{what} did not come: {self.seen}")

    async def health(self) -> int:
        stream = self.open(CHECK)
        self.send(stream, health_pb2.HealthCheckRequest(), last=True)
        answer = await self.receive(stream, health_pb2.HealthCheckResponse)
        return int(answer.status)

    async def _frame(self) -> Frame:
        head = await self.reader.readexactly(9)
        frame, size = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(await self.reader.readexactly(size)))
        return frame

    def _note(self, frame: Frame) -> None:
        match frame:
            case DataFrame():
                self.data[frame.stream_id] += frame.data
            case HeadersFrame():
                told = {str(name): str(value) for name, value in self._decoder.decode(frame.data)}
                self.status |= {frame.stream_id: told["grpc-status"]} if "grpc-status" in told else {}
            case SettingsFrame() if "ACK" not in frame.flags:
                self.writer.write(SettingsFrame(0, flags=["ACK"]).serialize())
            case PingFrame() if "ACK" not in frame.flags:
                self.writer.write(PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize())
            case GoAwayFrame():
                self.seen.append(f"goaway {frame.last_stream_id}")
            case RstStreamFrame():
                self.seen.append(f"reset of {frame.stream_id}")
            case _:
                pass


def _whole(data: bytes) -> int:
    """Bytes of the first message of these, with its prefix."""
    return _PREFIX + (int.from_bytes(data[1:_PREFIX], "big") if len(data) >= _PREFIX else 0)


@asynccontextmanager
async def connected(socket: Path) -> AsyncIterator[Proxy]:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        proxy = Proxy(reader, writer)
        proxy.greet()
        yield proxy
    finally:
        writer.close()


async def turn(proxy: Proxy, stream: int, message: Any, *, last: bool = False) -> str:
    """The kind of the reply to this message."""
    proxy.send(stream, message, last=last)
    return str((await proxy.receive(stream, ep.ProcessingResponse)).WhichOneof("response"))


async def test_health_turns_bad_then_comes_goaway_and_running_streams_finish() -> None:
    async with running_data_plane(**PROBE) as plane, connected(plane.socket) as proxy:
        assert await proxy.health() == SERVING
        running = proxy.open(PROCESS)
        assert await turn(proxy, running, request_headers()) == "request_headers"
        assert await turn(proxy, running, request_body(json.dumps(chat()).encode())) == "request_body"

        plane.tell(signal.SIGTERM)
        await asyncio.sleep(0.4)
        assert await proxy.health() == NOT_SERVING
        assert proxy.seen == [], "proxies are told by health before their connections are closed"
        late = proxy.open(PROCESS)
        assert await turn(proxy, late, request_headers()) == "request_headers", "served until they know"

        # The first GOAWAY announces the end and promises everything; the second names what was begun.
        await proxy.until(lambda: len(proxy.seen) == 2, "GOAWAY, twice")
        assert proxy.seen == ["goaway 2147483647", f"goaway {late}"], "both streams are promised their end"
        assert proxy.status.keys().isdisjoint({running, late})

        assert await turn(proxy, running, response_headers()) == "response_headers"
        assert await turn(proxy, running, response_body(completion()), last=True) == "response_body"
        assert await turn(proxy, late, request_body(b"{}"), last=True) == "request_body"
        await proxy.until(lambda: {running, late} <= proxy.status.keys(), "the end of both streams")
        assert (proxy.status[running], proxy.status[late]) == ("0", "0")
        assert len(proxy.seen) == 2, proxy.seen
        assert await asyncio.wait_for(plane.process.wait(), 15) == 0
