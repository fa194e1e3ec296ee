"""A client that is only a socket: sends what no HTTP library would, in the pieces that it is told, and sees how the
answer was framed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import h11

CHAT = "/v1/chat/completions"


@dataclass
class Answered:
    """`status` 0: the connection ended without an answer."""

    status: int = 0
    interim: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """It came to the end that its framing promised."""
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    """When which bytes of the body came (monotonic seconds)."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def chat(text: str, **more: Any) -> bytes:
    """The body of a chat request."""
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


def post(body_headers: Sequence[str], *, user: str, path: str = CHAT) -> bytes:
    """A request's head. Its task is its user, so that its record can be found also where no answer tells its id."""
    lines = [f"POST {path} HTTP/1.1", "host: llm", "content-type: application/json", f"x-user-id: {user}"]
    if not any(header.lower().startswith("x-costward-task:") for header in body_headers):
        lines.append(f"x-costward-task: {user}")
    return "\r\n".join([*lines, *body_headers, "", ""]).encode()


def request(body: bytes, *headers: str, user: str, path: str = CHAT) -> bytes:
    """A whole request with a length."""
    return post([f"content-length: {len(body)}", *headers], user=user, path=path) + body


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes, pause_s: float = 0.0) -> None:
        """Each part in a packet of its own."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            if pause_s:
                await asyncio.sleep(pause_s)

    async def answer(self, seconds: float = 20) -> Answered:
        """The next response to a POST. Raises TimeoutError."""
        answered = Answered()
        state = h11.Connection(h11.CLIENT)
        # h11 reads a response only after a request; what was really sent may be one that it would refuse to write.
        state.send(h11.Request(method="POST", target="/", headers=[("host", "llm"), ("content-length", "0")]))
        state.send(h11.EndOfMessage())
        async with asyncio.timeout(seconds):
            with contextlib.suppress(h11.RemoteProtocolError, OSError):
                while not answered.whole:
                    await self._advance(state, answered)
        return answered

    async def _advance(self, state: h11.Connection, answered: Answered) -> None:
        event = state.next_event()
        match event:
            case h11.NEED_DATA:
                state.receive_data(await self.reader.read(256 * 1024))
            case h11.InformationalResponse():
                answered.interim.append(event.status_code)
            case h11.Response():
                answered.status = event.status_code
                answered.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            case h11.Data():
                answered.body += bytes(event.data)
                answered.arrivals.append((time.monotonic(), bytes(event.data)))
            case h11.EndOfMessage():
                answered.whole = True
            case _:
                raise h11.RemoteProtocolError("the connection ended")


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024 * 1024)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def exchange(port: int, *parts: bytes, pause_s: float = 0.0, seconds: float = 20) -> Answered:
    """One request on a connection of its own."""
    async with connection(port) as line:
        await line.send(*parts, pause_s=pause_s)
        return await line.answer(seconds)


def cut(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))
