"""No spelling of an LLM path leads around the filter of a real Envoy: each is governed as the call that it is."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from costward_contract.wiring import EnvoySpec, Upstream
from costward_extproc.dialects.registry import endpoint_of

from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.fake_data_plane import FakeDataPlane
from tests.fakes.running_envoy import running_envoy

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"

GOVERNED = [
    CHAT,
    CHAT + "?x=1",
    CHAT + "/",
    CHAT + "//",
    CHAT + "/?x=1",
    CHAT + "/.",
    CHAT + "/./",
    CHAT + "/x/..",
    "/v1//chat/completions",
    "/v1/./chat/../chat/completions",
    "/./v1/chat/completions",
    "//v1/chat/completions",
    "/v1/chat%2Fcompletions",
    "/v1/chat%2fcompletions%2F",
    "/v1%2F%2Fchat/completions",
    "/v1/%2E/chat/completions",
    "/v1/x/%2e%2e/chat/completions",
    "/v1/chat/%63ompletions",
    "/v1/chat\\completions",
    "/v1/chat%5Ccompletions",
    CHAT + ";x",
    CHAT + ";x=1;y?z=1",
    CHAT + "/;x",
    CHAT + "?/../x;y",
    "/v1;x/chat/completions",
    "/v1/chat;x=1/completions",
    "/v1/chat;/completions",
    "/v1;a/chat;b/completions;c",
    "/v1;a/chat/completions/?q=1",
    "/v1;a//chat/completions",
    "/v1;a/chat%2Fcompletions",
    CHAT + ";x/",
    "/V1/Chat/Completions",
    "/v1/chat/completions%20",
    "/v1/%63hat/%2563ompletions",
    "/openai/v1/chat/completions",
    "/openai/deployments/d/chat/completions?api-version=1",
    "/chat/completions",
]


class Line:
    """Sends paths byte for byte as they stand, which HTTP clients do not."""

    def __init__(self, url: str, data_plane: FakeDataPlane) -> None:
        self._port = urlsplit(url).port
        self.data_plane = data_plane

    async def status(self, path: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}".encode())
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[Line]:
    # Not tmp_path: its length comes near what a Unix socket path may have.
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        socket, admin = f"{name}/x.sock", f"{name}/admin.sock"
        async with serving(echo_app()) as (host, port), FakeDataPlane(socket) as fake:
            spec = EnvoySpec((Upstream("echo", f"http://{host}:{port}"),), (socket,), listen_port=0, admin_socket=admin)
            async with running_envoy(spec, Path(name)) as envoy:
                line = Line(envoy.url, fake)
                deadline = asyncio.get_running_loop().time() + 10
                # Until its first health check Envoy lets everything pass.
                while not fake.streams and asyncio.get_running_loop().time() < deadline:
                    await line.status(CHAT)
                yield line


async def test_a_spelling_that_passes_is_read_as_the_llm_call_that_it_is() -> None:
    unseen = []
    async with wired() as line:
        for spelling in GOVERNED:
            before = len(line.data_plane.streams)
            status = await line.status(spelling)
            paths = [stream.header(":path") or "" for stream in line.data_plane.streams[before:]]
            endpoints = [endpoint_of("POST", path) for path in paths]
            if status != 200 or [endpoint and endpoint.kind for endpoint in endpoints] != ["chat"]:
                unseen.append((spelling, status, paths))
    assert unseen == []


async def test_other_paths_may_have_parameters() -> None:
    async with wired() as line:
        assert [await line.status(path) for path in ("/v1;x/models", "/v1/chat/completions/42;x/y")] == [200, 200]
