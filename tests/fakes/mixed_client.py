"""The callers of mixed traffic: sockets that send each exchange byte by byte as it is scripted, and keep what comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Literal

import h11

from tests.fakes.mixed_compare import owed
from tests.fakes.mixed_provider import Lane, MixedProvider
from tests.fakes.mixed_traffic import Exchange

Phase = Literal["headers", "body", "waiting", "stream", "done"]
"""headers: they are sent and nothing of the body; waiting: all is sent and no answer has begun; stream: it has."""

_READ = 256 * 1024
_ANSWER_S = 30.0
_LATE_S = 2.0
"""How long what the provider has sent may be on its way; then it counts as held back."""
_SEEN_S = 0.03
"""Within which whoever is in between has seen a request's headers."""
_HEADERS_PAUSE_S = 0.25
_PIECES = 5
_PIECE_PAUSE_S = 0.08
_RACE_BYTES = 3
"""A racing client goes after this many bytes times its permille."""


@dataclass
class Seen:
    """`status` 0: no answer began."""

    started: float
    phase: Phase = "headers"
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False
    """It came to the end that its framing promised."""
    problem: str = ""
    ended: float = 0.0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Line:
    """A connection, and whether it may be used again."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self, hard: bool = False) -> None:
        if hard:
            self.writer.transport.abort()
        else:
            self.writer.close()


@dataclass(eq=False)
class Caller:
    """Asks one exchange after the other, on one connection as long as it lasts. `live` is what it waits for now."""

    lane: Lane
    port: int
    provider: MixedProvider
    live: Seen | None = None
    _line: Line | None = None

    async def ask(self, exchange: Exchange) -> Seen:
        loop = asyncio.get_running_loop()
        seen = self.live = Seen(loop.time())
        try:
            async with asyncio.timeout(_ANSWER_S):
                async with self._connection(exchange, seen) as line:
                    await self._send(line, exchange, seen)
                    await self._receive(line, exchange, seen)
        except TimeoutError:
            seen.problem = f"no end within {_ANSWER_S:g} s"
        except _GaveUp:
            pass
        except (OSError, h11.RemoteProtocolError) as error:
            seen.problem = type(error).__name__
        self.live, seen.phase, seen.ended = None, "done", loop.time()
        return seen

    def close(self) -> None:
        if self._line is not None:
            self._line.close()

    @contextlib.asynccontextmanager
    async def _connection(self, exchange: Exchange, seen: Seen) -> AsyncIterator[Line]:
        line, self._line = self._line, None
        if line is not None and (not exchange.reuse or line.writer.is_closing() or line.reader.at_eof()):
            line.close()
            line = None
        line = line or Line(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20))
        try:
            yield line
        finally:
            if seen.whole and (seen.header("connection") or "") != "close":
                self._line = line
            else:
                line.close(hard=exchange.abort is not None and exchange.abort.hard)

    async def _send(self, line: Line, exchange: Exchange, seen: Seen) -> None:
        ours = self.lane == "ours"
        authority = f"127.0.0.1:{self.provider.ports[self.lane]}"
        head, payload = exchange.head(authority, ours=ours), exchange.payload(ours=ours)
        abort = exchange.abort
        if abort is not None and abort.where == "head":
            await _write(line, head[: len(head) * abort.permille // 1000])
            raise _GaveUp
        if abort is not None and abort.where == "body":
            await _write(line, head + payload[: len(payload) * abort.permille // 1000])
            await asyncio.sleep(_SEEN_S)
            raise _GaveUp
        if exchange.slow:
            await _slowly(line, head, payload, seen)
        else:
            await _write(line, head + payload)
        seen.phase = "waiting"

    async def _receive(self, line: Line, exchange: Exchange, seen: Seen) -> None:
        state = h11.Connection(h11.CLIENT)
        # h11 reads an answer only after a request; what was really sent may be one that it would refuse to write.
        state.send(h11.Request(method="POST", target="/", headers=[("host", "llm"), ("content-length", "0")]))
        state.send(h11.EndOfMessage())
        while not seen.whole:
            event = state.next_event()
            if event is h11.NEED_DATA:
                state.receive_data(await self._data(line, exchange, seen))
            else:
                _note(event, seen)

    async def _data(self, line: Line, exchange: Exchange, seen: Seen) -> bytes:
        abort = exchange.abort
        if abort is None:
            return await line.reader.read(_READ)
        if abort.where == "racing":
            if len(seen.body) > abort.permille * _RACE_BYTES:
                raise _GaveUp
            return await line.reader.read(_READ)
        return await self._while_sending(line, exchange, seen)

    async def _while_sending(self, line: Line, exchange: Exchange, seen: Seen) -> bytes:
        """What comes before the provider stops, and what is on its way then."""
        holding = asyncio.ensure_future(self.provider.holding(self.lane, exchange.number).wait())
        reading = asyncio.ensure_future(line.reader.read(_READ))
        try:
            await asyncio.wait([holding, reading], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and not self._has_all(exchange, seen):
                await asyncio.wait([reading], timeout=_LATE_S)
            if not reading.done():
                raise _GaveUp
            return reading.result()
        finally:
            holding.cancel()
            reading.cancel()
            # How a line ends that was given up makes no difference.
            reading.add_done_callback(lambda line: line.cancelled() or line.exception())

    def _has_all(self, exchange: Exchange, seen: Seen) -> bool:
        """Whether nothing more can be on its way to us."""
        sent = self.provider.sent(self.lane, exchange.number)
        begun = bool(seen.status) or (exchange.abort is not None and exchange.abort.where == "waiting")
        return begun and len(seen.body) >= owed(replace(exchange, wish=exchange.wish and self.lane == "ours"), sent)


class _GaveUp(Exception):
    """The client's own wish."""


def _note(event: object, seen: Seen) -> None:
    match event:
        case h11.Response():
            seen.phase, seen.status = "stream", event.status_code
            seen.headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in event.headers]
        case h11.Data():
            seen.body += bytes(event.data)
        case h11.EndOfMessage():
            seen.whole = True
        case h11.InformationalResponse():
            pass
        case _:
            raise h11.RemoteProtocolError("the connection ended")


async def _write(line: Line, data: bytes) -> None:
    line.writer.write(data)
    await line.writer.drain()


async def _slowly(line: Line, head: bytes, payload: bytes, seen: Seen) -> None:
    await _write(line, head)
    await asyncio.sleep(_HEADERS_PAUSE_S)
    seen.phase = "body"
    size = len(payload) // _PIECES + 1
    for at in range(0, len(payload), size):
        await _write(line, payload[at : at + size])
        await asyncio.sleep(_PIECE_PAUSE_S)
