"""The scripted provider on two sockets, one for each way to it: the same answers on both, and a bill for every request.

It cuts its answers into pieces without regard to events, holds still where a client is to give up, and keeps every
byte of what reached it and of what it sent until `take` asks for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Literal

import h11
from costward_cli.stand_in.bill import Sale, price

from tests.fakes.mixed_answers import Script, answer
from tests.fakes.mixed_counting import Usage

Lane = Literal["plain", "ours"]
LANES: tuple[Lane, ...] = ("plain", "ours")

_READ = 256 * 1024
_HOLD_S = 10.0
"""Longer than any client here takes to give up."""
_SETTLE_S = 0.3
"""Before a connection is broken: what was sent before it has reached the client by then. A proxy drops what it still
holds, with a filter or without one, but a filter on a busy machine holds it for longer."""


@dataclass
class Request:
    """One that arrived whole."""

    target: str
    headers: list[tuple[str, str]]
    body: bytes
    sent: bytes = b""
    """Of the answer's body, before its framing."""
    sale: Sale | None = None
    """What is charged for it, once it is over."""
    told: bool = True
    """All that it is charged for could be seen by somebody who saw the answer up to its cut."""
    cacheable: tuple[Usage, ...] = ()
    over: bool = False

    @property
    def charged(self) -> int:
        """µ$."""
        return price(self.sale) if self.sale is not None else 0

    @property
    def expected(self) -> float:
        """µ$ that it would be charged for in the mean, where nobody could see what the cache made of it."""
        if self.sale is None or self.told or not self.cacheable:
            return self.charged
        return fmean(price(self.sale._replace(**usage.cacheing)) for usage in self.cacheable)


@dataclass
class MixedProvider:
    ports: dict[Lane, int] = field(default_factory=dict)
    requests: dict[tuple[Lane, int], list[Request]] = field(default_factory=lambda: defaultdict(list))
    _holding: dict[tuple[Lane, int], asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def holding(self, lane: Lane, number: int) -> asyncio.Event:
        """Set when it has sent all that it will send before the client gives up."""
        return self._holding[lane, number]

    def sent(self, lane: Lane, number: int) -> bytes:
        """Of the body of its last answer to this exchange."""
        requests = self.requests.get((lane, number))
        return requests[-1].sent if requests else b""

    def take(self, lane: Lane, number: int) -> list[Request]:
        self._holding.pop((lane, number), None)
        return self.requests.pop((lane, number), [])

    async def serve(self, lane: Lane, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(h11.Connection(h11.SERVER), reader, writer)
        with contextlib.suppress(h11.RemoteProtocolError, OSError):
            while (request := await connection.request()) is not None:
                number = int(dict(request.headers)["x-mixed"])
                self.requests[lane, number].append(request)
                await self._answer(connection, request, self.holding(lane, number))
        connection.close()

    async def _answer(self, connection: _Connection, request: Request, holding: asyncio.Event) -> None:
        headers = dict(request.headers)
        script = answer(request.target, headers, request.body)
        fault, _, permille = headers.get("x-mixed-fault", "").partition(":")
        try:
            if fault == "reset":
                connection.abort()
                return
            hold, upto = headers.get("x-mixed-hold"), len(script.body)
            if hold is not None or fault == "cut":
                upto = upto * int(hold or permille) // 1000
            if hold != "0":
                connection.begin(script)
                await self._send(connection, request, script, upto, float(headers.get("x-mixed-pace", 0)) / 1000)
            if fault == "cut":
                await asyncio.sleep(_SETTLE_S)
                connection.abort()
            elif hold is not None:
                holding.set()
                await connection.left(_HOLD_S)
                connection.abort()
            else:
                await connection.finish()
        finally:
            _charge(request, script, unanswered=fault == "reset", waiting=headers.get("x-mixed-hold") == "0")

    async def _send(self, connection: _Connection, request: Request, script: Script, upto: int, pause_s: float) -> None:
        body = script.body[:upto]
        pieces = _parts(script, upto) if pause_s else _pieces(body, request.headers)
        for piece in pieces:
            await connection.data(piece)
            request.sent += piece
            if pause_s and await connection.left(pause_s):
                raise ConnectionResetError


def _charge(request: Request, script: Script, *, unanswered: bool, waiting: bool) -> None:
    request.over = True
    if script.sale is None or unanswered:
        return
    request.told = len(request.sent) >= script.told_after
    request.cacheable = script.cacheable
    # Of one that nobody waited for the input is charged.
    request.sale = script.sale._replace(output=0) if waiting else script.sale_of(len(request.sent))


def _parts(script: Script, upto: int) -> Iterator[bytes]:
    """Event by event."""
    for part in script.parts:
        if upto <= 0:
            return
        yield part.data[:upto]
        upto -= len(part.data)


def _pieces(body: bytes, headers: list[tuple[str, str]]) -> Iterator[bytes]:
    """Cut anywhere, in another way for each exchange and in the same for both lanes."""
    draw = random.Random(dict(headers)["x-mixed"])
    most = draw.choice([7, 300, 5_000, 64_000]) if len(body) < 3_000 else draw.choice([3_000, 64_000])
    at = 0
    while at < len(body):
        size = draw.randint(1, most)
        yield body[at : at + size]
        at += size


@dataclass
class _Connection:
    state: h11.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _gone: asyncio.Future[bytes] | None = None
    """What comes while an answer goes out: its end, or already the next request."""

    async def request(self) -> Request | None:
        """None at the connection's end."""
        head: h11.Request | None = None
        parts: list[bytes] = []
        while True:
            event = self.state.next_event()
            match event:
                case h11.NEED_DATA:
                    data = await self._read()
                    if not data:
                        return None
                    self.state.receive_data(data)
                case h11.Request():
                    head = event
                case h11.Data():
                    parts.append(bytes(event.data))
                case h11.EndOfMessage() if head is not None:
                    headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in head.headers]
                    return Request(head.target.decode(), headers, b"".join(parts))
                case _:
                    return None

    async def _read(self) -> bytes:
        if self._gone is not None:
            gone, self._gone = self._gone, None
            return await gone
        return await self.reader.read(_READ)

    def begin(self, script: Script) -> None:
        framing = ("transfer-encoding", "chunked")
        if not script.stream:
            framing = ("content-length", str(len(script.body)))
        self._write(h11.Response(status_code=script.status, headers=[*script.headers, framing]))

    async def data(self, piece: bytes) -> None:
        self._write(h11.Data(data=piece))
        await self.writer.drain()

    async def finish(self) -> None:
        self._write(h11.EndOfMessage())
        await self.writer.drain()
        self.state.start_next_cycle()

    async def left(self, seconds: float) -> bool:
        """Whether the other side has gone, after waiting so long for it."""
        if self._gone is None:
            self._gone = asyncio.ensure_future(self.reader.read(_READ))
        await asyncio.wait([self._gone], timeout=seconds)
        if not self._gone.done():
            return False
        return self._gone.exception() is not None or not self._gone.result()

    def abort(self) -> None:
        self.writer.transport.abort()

    def close(self) -> None:
        if self._gone is not None:
            # How the other side went makes no difference.
            self._gone.add_done_callback(lambda gone: gone.cancelled() or gone.exception())
        self.writer.close()

    def _write(self, event: h11.Event) -> None:
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(self.state.send(event) or b"")


@contextlib.asynccontextmanager
async def mixed_provider() -> AsyncIterator[MixedProvider]:
    provider = MixedProvider()
    tasks: set[asyncio.Task[None]] = set()

    def accept(lane: Lane, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(provider.serve(lane, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with contextlib.AsyncExitStack() as servers:
        for lane in LANES:
            server = await asyncio.start_server(partial(accept, lane), "127.0.0.1", 0, limit=1 << 20, backlog=1_024)
            servers.callback(server.close)
            provider.ports[lane] = server.sockets[0].getsockname()[1]
        try:
            yield provider
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
