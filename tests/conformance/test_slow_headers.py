"""A caller that sends its headers slowly does not look like a queue at the data plane, which would go around caps."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from costward_contract.wiring import EnvoySpec, Upstream
from costward_extproc.gate import STARTED

from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.fake_data_plane import FakeDataPlane
from tests.fakes.running_envoy import running_envoy

pytestmark = pytest.mark.slow

PAUSE_S = 0.5
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: echo\r\ncontent-type: application/json\r\n"
REST = b"content-length: 2\r\nconnection: close\r\n\r\n{}"


async def test_a_pause_within_the_headers_is_not_told_as_waited_for_us() -> None:
    with TemporaryDirectory(prefix="cw-") as name:
        socket = f"{name}/x.sock"
        async with serving(echo_app()) as (host, port), FakeDataPlane(socket) as data_plane:
            spec = EnvoySpec(
                (Upstream("echo", f"http://{host}:{port}"),),
                (socket,),
                listen_port=0,
                admin_socket=f"{name}/admin.sock",
            )
            async with running_envoy(spec, Path(name)) as envoy:
                parts = urlsplit(envoy.url)
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.write(HEAD)
                await asyncio.sleep(PAUSE_S)
                resumed = time.time()
                writer.write(REST)
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                writer.close()
    assert float(data_plane.streams[0].metadata[STARTED]) > resumed - PAUSE_S / 10
