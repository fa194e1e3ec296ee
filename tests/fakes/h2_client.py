"""An HTTP/2 client that sends what httpx does not: trailers, frames of any size, and streams that it resets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.fakes.raw_client import CHAT, Answered

Headers = Sequence[tuple[str, str]]


def chat_headers(user: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":path", CHAT),
        (":scheme", "http"),
        (":authority", "llm"),
        ("content-type", "application/json"),
        ("x-user-id", user),
        ("x-costward-task", user),
        *more,
    ]


async def ask_h2(
    port: int, headers: Headers, parts: Iterable[bytes], trailers: Headers = (), seconds: float = 10
) -> Answered:
    """One exchange on a connection of its own; each part is a frame of its own. Raises TimeoutError."""
    async with _line(port) as line:
        stream = await line.send(headers, list(parts), trailers)
        await line.until(lambda: line.answers[stream].whole, seconds)
        return line.answers[stream]


async def ask_both_h2(
    port: int, first: tuple[Headers, bytes], second: tuple[Headers, bytes], *, leave_second_at: bytes
) -> tuple[Answered, Answered]:
    """Two exchanges beside each other; the second is reset when `leave_second_at` has come of its answer."""
    async with _line(port) as line:
        kept = await line.send(first[0], [first[1]])
        left = await line.send(second[0], [second[1]])
        await line.until(lambda: leave_second_at in line.answers[left].body)
        line.state.reset_stream(left, h2.errors.ErrorCodes.CANCEL)
        await line.until(lambda: line.answers[kept].whole)
        return line.answers[kept], line.answers[left]


@dataclass
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: h2.connection.H2Connection
    answers: dict[int, Answered] = field(default_factory=dict)

    async def send(self, headers: Headers, parts: list[bytes], trailers: Headers = ()) -> int:
        """The stream's number."""
        stream = self.state.get_next_available_stream_id()
        self.answers[stream] = Answered()
        self.state.send_headers(stream, headers, end_stream=not parts and not trailers)
        for number, part in enumerate(parts, start=1):
            self.state.send_data(stream, part, end_stream=number == len(parts) and not trailers)
            await self._flush()
            await asyncio.sleep(0.005)
        if trailers:
            self.state.send_headers(stream, trailers, end_stream=True)
        await self._flush()
        return stream

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await self._flush()
                data = await self.reader.read(256 * 1024)
                assert data, "the connection ended"
                for event in self.state.receive_data(data):
                    self._note(event)

    async def _flush(self) -> None:
        self.writer.write(self.state.data_to_send())
        await self.writer.drain()

    def _note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                answered = self.answers[event.stream_id or 0]
                answered.headers = {str(name): str(value) for name, value in event.headers or ()}
                answered.status = int(answered.headers[":status"])
            case h2.events.DataReceived():
                self.answers[event.stream_id or 0].body += event.data or b""
                self.state.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            case h2.events.StreamEnded():
                self.answers[event.stream_id or 0].whole = True
            case _:
                pass


@contextlib.asynccontextmanager
async def _line(port: int) -> AsyncIterator[_Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    state.initiate_connection()
    try:
        yield _Line(reader, writer, state)
    finally:
        writer.close()
