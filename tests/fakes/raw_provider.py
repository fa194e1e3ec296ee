"""A provider that is only a socket: it sees how every byte of a request was framed, and answers bytes as it is told.

A server library would hide both: what a proxy did to lengths and chunks, and where a response's bytes were cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import h11

_READ_BYTES = 256 * 1024


@dataclass(eq=False)
class Asked:
    """One request as it came off the wire."""

    number: int
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]]
    writer: asyncio.StreamWriter

    def header(self, name: str) -> str | None:
        """None if it did not come; repeated values are joined."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def framing(self) -> str:
        """`length`, `chunked` or `none`."""
        if self.header("transfer-encoding") is not None:
            return "chunked"
        return "length" if self.header("content-length") is not None else "none"

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    @property
    def hung_up(self) -> bool:
        return self.writer.is_closing()


Answer = Callable[[Asked], Awaitable[None]]


@dataclass
class RawProvider:
    """`answer` may be replaced between requests; each request is answered by the one in force when it came."""

    answer: Answer
    host: str = ""
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    heads: int = 0
    """Requests of which at least the headers have come."""
    left_over: list[bytes] = field(default_factory=list)
    """What came on a connection besides whole requests: the leavings of a wrong length."""
    _numbers: Any = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def about(self, text: str) -> list[Asked]:
        """The requests whose body holds `text`."""
        return [asked for asked in self.asked if text.encode() in asked.body]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        with contextlib.suppress(OSError):
            try:
                while (asked := await self._request(connection, reader, writer)) is not None:
                    self.asked.append(asked)
                    await self.answer(asked)
                    if writer.is_closing():
                        return
                    left, _ = connection.trailing_data
                    connection = h11.Connection(h11.SERVER)
                    if left:
                        connection.receive_data(left)
            except h11.RemoteProtocolError:
                self.left_over.append(connection.trailing_data[0])
            finally:
                writer.close()

    async def _request(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Asked | None:
        """None at the connection's end."""
        head: h11.Request | None = None
        parts: list[bytes] = []
        while True:
            event = connection.next_event()
            match event:
                case h11.NEED_DATA:
                    data = await reader.read(_READ_BYTES)
                    if not data:
                        return None
                    connection.receive_data(data)
                case h11.Request():
                    head = event
                    self.heads += 1
                case h11.Data():
                    parts.append(bytes(event.data))
                case h11.EndOfMessage() if head is not None:
                    return Asked(
                        next(self._numbers),
                        head.method.decode(),
                        head.target.decode(),
                        _text(head.headers),
                        b"".join(parts),
                        _text(event.headers),
                        writer,
                    )
                case _:
                    return None


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; of nothing: its end."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def head(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Told", *headers, "", ""]).encode()


def whole(body: bytes, *headers: str, status: int = 200, media: str = "application/json") -> Answer:
    """Answers with a length."""

    async def answer(asked: Asked) -> None:
        await asked.send(head(status, f"content-type: {media}", f"content-length: {len(body)}", *headers) + body)

    return answer


def in_parts(parts: Iterable[bytes], *headers: str, pause_s: float = 0.0, media: str = "text/event-stream") -> Answer:
    """Answers in chunks, each of them in a packet of its own."""
    given = list(parts)

    async def answer(asked: Asked) -> None:
        await asked.send(head(200, f"content-type: {media}", "transfer-encoding: chunked", *headers))
        for part in given:
            await asked.send(chunk(part))
            await asyncio.sleep(pause_s)
        await asked.send(chunk(b""))

    return answer


def completion(text: str = "Hello.", *, model: str = "gpt-5-mini", prompt: int = 10, output: int = 5) -> bytes:
    """A whole chat completion."""
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": model, "choices": choices, "usage": usage}
    ).encode()


def events(words: int = 5, *, model: str = "gpt-5-mini", prompt: int = 10, output: int | None = None) -> list[bytes]:
    """A chat completion's stream, one element an event: `words` words, the end, the usage, [DONE]."""
    pieces: list[dict[str, Any]] = [{"delta": {"content": f"w{n} "}, "finish_reason": None} for n in range(words)]
    pieces.append({"delta": {}, "finish_reason": "stop"})
    frame = {"id": "c", "object": "chat.completion.chunk", "model": model}
    rows: list[dict[str, Any]] = [{**frame, "choices": [{"index": 0, **piece}], "usage": None} for piece in pieces]
    counted = words if output is None else output
    usage = {"prompt_tokens": prompt, "completion_tokens": counted, "total_tokens": prompt + counted}
    rows.append({**frame, "choices": [], "usage": usage})
    return [*(f"data: {json.dumps(row)}\n\n".encode() for row in rows), b"data: [DONE]\n\n"]


@contextlib.asynccontextmanager
async def raw_provider() -> AsyncIterator[RawProvider]:
    provider = RawProvider(whole(completion()))
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(provider.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024 * 1024, backlog=2_048)
    provider.host, provider.port = server.sockets[0].getsockname()
    try:
        yield provider
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
