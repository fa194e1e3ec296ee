"""Over TCP the data plane speaks with proxies of its own authority alone, and they only with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest
from costward_cli import child
from costward_cli.readiness import until_ready
from costward_contract.wiring import EnvoySpec, HopTls, Upstream
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.fakes.certificates import Authority, Pair
from tests.fakes.echo_upstream import echo_app, serving
from tests.fakes.running_envoy import RunningEnvoy, running_envoy
from tests.fakes.running_stack import policy

pytestmark = pytest.mark.slow

NAME = "costward"
BODY = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]}


class Hop:
    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{port}"
        self.authority = Authority(folder)
        self.server = self.authority.issue(NAME)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "COSTWARD_SOCKET": str(self.folder / "x.sock"),
            "COSTWARD_POLICY_FILE": str(self.folder / "policy.yaml"),
            "COSTWARD_STATE_DIR": str(self.folder / "state"),
            "COSTWARD_LISTEN": self.address,
            "COSTWARD_TLS_CERTIFICATE": str(self.server.certificate),
            "COSTWARD_TLS_KEY": str(self.server.key),
            "COSTWARD_TLS_CLIENT_CA": str(self.authority.own.certificate),
        }

    async def serving(self, pair: Pair | None, name: str = NAME) -> bool:
        """Whether a peer with these certificates is answered."""
        credentials = grpc.ssl_channel_credentials(
            self.authority.own.certificate.read_bytes(),
            pair.key.read_bytes() if pair else None,
            pair.certificate.read_bytes() if pair else None,
        )
        options = [("grpc.ssl_target_name_override", name)]
        async with grpc.aio.secure_channel(self.address, credentials, options) as channel:
            try:
                reply = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)
            except grpc.aio.AioRpcError:
                return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


@contextlib.asynccontextmanager
async def data_plane() -> AsyncIterator[Hop]:
    # Not tmp_path: its length comes near what a Unix socket path may have.
    with tempfile.TemporaryDirectory(prefix="cw-") as name:
        folder = Path(name)
        hop = Hop(folder, free_port())
        (folder / "policy.yaml").write_text(policy())
        env = {**os.environ, **hop.environment}
        process = await child.start(
            "data plane", [sys.executable, "-m", "costward_extproc"], log=folder / "log", env=env
        )
        mine = hop.authority.issue("proxy")
        try:
            await until_ready(process, lambda: hop.serving(mine), 30)
            yield hop
        finally:
            await process.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_unknown_peers_are_refused() -> None:
    async with data_plane() as hop:
        stranger = Authority(hop.folder, "other").issue("proxy")
        assert await hop.serving(hop.authority.issue("another-proxy"))
        assert not await hop.serving(None)
        assert not await hop.serving(stranger)
        async with grpc.aio.insecure_channel(hop.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)


@pytest.mark.parametrize("server_name", [NAME, "somebody-else"])
async def test_envoy_asks_the_data_plane_that_it_was_told_of(server_name: str) -> None:
    async with data_plane() as hop, serving(echo_app()) as (host, port):
        proxy = hop.authority.issue("proxy")
        tls = HopTls(str(proxy.certificate), str(proxy.key), str(hop.authority.own.certificate), server_name)
        spec = EnvoySpec(
            (Upstream("echo", f"http://{host}:{port}"),),
            addresses=(hop.address,),
            hop_tls=tls,
            listen_port=0,
            admin_socket=str(hop.folder / "a.sock"),
        )
        async with running_envoy(spec, hop.folder) as envoy, httpx.AsyncClient(base_url=envoy.url) as client:
            if server_name == NAME:
                await healthy(envoy)
            response = await client.post("/v1/chat/completions", json=BODY, headers={"x-user-id": "ada"})
    assert response.status_code == 200
    # Without the data plane the request passes, as the policy says.
    assert ("x-costward-decision" in response.headers) is (server_name == NAME)


async def healthy(envoy: RunningEnvoy) -> None:
    for _ in range(200):
        if await envoy.stat("cluster.costward_extproc.membership_healthy") == 1:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("Envoy does not reach the data plane")
