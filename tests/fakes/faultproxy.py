"""A TCP proxy that does to a connection what networks do: delays it, slows it, cuts it, resets it, swallows it.

Linux could do some of this with netem, which many kernels lack; a proxy of our own needs no rights and hits nobody
else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_PIECE = 16 * 1024


@dataclass
class Trouble:
    """What happens to the bytes that the server sends; all is well by default."""

    delay_s: float = 0.0
    """Before each piece."""
    most_bytes: int | None = None
    """Then the connection ends: `reset` says how."""
    bytes_per_s: float | None = None
    reset: bool = False
    """Ends with RST instead of FIN; with no `most_bytes` at once, without a byte."""
    blackhole: bool = False
    """Takes everything and gives nothing."""
    first: int | None = None
    """Only that many connections have trouble, and the later ones none."""


@dataclass
class FaultProxy:
    to: tuple[str, int]
    trouble: Trouble = field(default_factory=Trouble)
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        trouble = self.trouble
        if trouble.first is not None and self.connections > trouble.first:
            trouble = Trouble()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._carry(reader, writer, trouble)
        self._open.discard(writer)
        with contextlib.suppress(OSError):
            writer.close()

    def close_all(self) -> None:
        """So that whoever comes next comes on a connection of its own."""
        for writer in self._open:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trouble: Trouble) -> None:
        if trouble.reset and trouble.most_bytes is None:
            # Not before the request is here: a reset handshake is a refused connection, which is something else.
            await reader.read(_PIECE)
            return _reset(writer)
        if trouble.blackhole:
            while await reader.read(_PIECE):
                pass
            return None
        there, onward = await asyncio.open_connection(*self.to)
        asking = asyncio.create_task(_copy(reader, onward))
        try:
            await _answer(there, writer, trouble)
        finally:
            asking.cancel()
            onward.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trouble: Trouble) -> None:
    left = trouble.most_bytes
    while data := await reader.read(_PIECE):
        if trouble.delay_s:
            await asyncio.sleep(trouble.delay_s)
        if trouble.bytes_per_s:
            await asyncio.sleep(len(data) / trouble.bytes_per_s)
        writer.write(data if left is None else data[:left])
        await writer.drain()
        if left is not None:
            left -= len(data)
            if left <= 0:
                return _reset(writer) if trouble.reset else None
    return None


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST: with a linger of nothing, the kernel drops what was not sent and says so."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def fault_proxy(to: tuple[str, int], trouble: Trouble | None = None) -> AsyncIterator[FaultProxy]:
    """Before the server at `to`; its `trouble` may be changed at any time, for connections that come later."""
    proxy = FaultProxy(to, trouble or Trouble())
    server = await asyncio.start_server(proxy.serve, proxy.host, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None
