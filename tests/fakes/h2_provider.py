"""An HTTP/2 provider that ends its answers with trailers, which no HTTP/1.1 server library here can send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import h2.config
import h2.connection
import h2.events

_HEADERS = [(":status", "200"), ("content-type", "text/event-stream")]


@contextlib.asynccontextmanager
async def trailing_provider(parts: Sequence[bytes]) -> AsyncIterator[str]:
    """Answers every request with these parts, a frame each, and then with trailers; its URL."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        line.initiate_connection()
        writer.write(line.data_to_send())
        while data := await reader.read(64 * 1024):
            for event in line.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    await _answer(line, writer, event.stream_id or 0, parts)
            writer.write(line.data_to_send())
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(
    line: h2.connection.H2Connection, writer: asyncio.StreamWriter, stream: int, parts: Sequence[bytes]
) -> None:
    line.send_headers(stream, _HEADERS)
    for part in parts:
        line.send_data(stream, part)
        writer.write(line.data_to_send())
        await writer.drain()
        # A frame each, and so a chunk each: what comes at once is joined on the way.
        await asyncio.sleep(0.02)
    line.send_headers(stream, [("x-checksum", "1")], end_stream=True)
    writer.write(line.data_to_send())
    await writer.drain()
