"""An upstream that streams: `?chunks=N&gapUs=M` gives N chunks M microseconds apart, each stamped when it is written.

The stamp is the machine's monotonic clock, which all processes share: a reader knows each chunk's delay by itself.
Started as `python -m tests.bench.chunk_upstream PORT`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import h11
import uvloop

from tests.bench.answers import WORD, events

CHUNKS = 50
"""Where a request asks for no number: a short answer of an assistant."""

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_READ = 256 * 1024


def stamp() -> bytes:
    """Nanoseconds, as long as the word that it replaces, so that a chunk's length is known before."""
    return b"%0*d" % (len(WORD), time.monotonic_ns())


async def serve(port: int) -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", port, limit=_READ)
    await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    rest = b""
    try:
        while (asked := await _request(reader, rest)) is not None:
            target, rest = asked
            await _answer(writer, target)
    except OSError:
        pass
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader, rest: bytes) -> tuple[str, bytes] | None:
    """The target of a request read to its end, and what came after it. None: the peer has left."""
    state = h11.Connection(h11.SERVER)
    state.receive_data(rest) if rest else None
    target = ""
    while True:
        event = state.next_event()
        if event is h11.NEED_DATA:
            state.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Request):
            target = event.target.decode()
        elif isinstance(event, h11.EndOfMessage):
            return target, state.trailing_data[0]
        elif isinstance(event, h11.ConnectionClosed):
            return None


async def _answer(writer: asyncio.StreamWriter, target: str) -> None:
    parts = urlsplit(target)
    asked = parse_qs(parts.query)
    chunks = int(asked.get("chunks", [str(CHUNKS)])[0])
    gap_s = int(asked.get("gapUs", ["0"])[0]) / 1e6
    writer.write(_HEAD)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for framed in _framed(parts.path, chunks):
        due += gap_s
        # Without a gap too the loop turns once, so that each chunk is a write of its own.
        await asyncio.sleep(max(due - loop.time(), 0))
        writer.write(framed.replace(WORD.encode(), stamp()))
    writer.write(_END)
    await writer.drain()


@lru_cache(maxsize=64)
def _framed(path: str, chunks: int) -> Sequence[bytes]:
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in events(path, chunks)]


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
