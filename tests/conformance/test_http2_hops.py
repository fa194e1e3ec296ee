"""HTTP/2 with clear-text providers and from callers, with a second Envoy as the other side of both; and an upgraded
connection passes the chain of attempts untouched."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from costward_contract.wiring import EnvoySpec, Upstream

from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.running_envoy import RunningEnvoy, running_envoy

pytestmark = pytest.mark.slow

BODY = {"model": "gpt-5-mini", "messages": []}


@contextlib.asynccontextmanager
async def envoy_before(url: str, *, http2: bool = False) -> AsyncIterator[RunningEnvoy]:
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        upstream = Upstream("next", url, http2=http2)
        spec = EnvoySpec((upstream,), (f"{name}/x.sock",), listen_port=0, admin_socket=f"{name}/a.sock")
        async with running_envoy(spec, Path(name)) as envoy:
            yield envoy


@pytest.mark.parametrize("http2", [True, False])
async def test_the_protocol_is_the_one_that_was_asked_for(http2: bool) -> None:
    async with (
        serving(echo_app()) as (host, port),
        envoy_before(f"http://{host}:{port}") as far,
        envoy_before(far.url, http2=http2) as near,
        httpx.AsyncClient(base_url=near.url) as client,
    ):
        responses = [await client.post("/v1/chat/completions", json=BODY) for _ in range(3)]
        assert [response.status_code for response in responses] == [200] * 3
        assert (await far.stat("http.costward.downstream_cx_http2_total") > 0) is http2
        assert (await far.stat("http.costward.downstream_cx_http1_total") > 0) is not http2


async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes any upgrade, and then says everything in capitals."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
    while piece := await reader.read(1_024):
        writer.write(piece.upper())
    writer.close()


async def test_an_upgrade_passes() -> None:
    server = await asyncio.start_server(upper, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, envoy_before(url) as envoy:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(envoy.url).port)
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        echoed = await reader.readexactly(5)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 101")
    assert echoed == b"HELLO"
