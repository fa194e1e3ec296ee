"""The data plane's process with a control plane for its source: not serving before there are policies, serving after,
and again without the control plane."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import delivery, serving, source, until
from tests.fakes.snapshots import snapshot

pytestmark = pytest.mark.slow


@contextmanager
def data_plane(authority: Authority, folder: Path, address: str, workers: int = 1) -> Iterator[Path]:
    """Its socket, which is there once it serves."""
    of = source(authority, folder, address)
    env = {
        **os.environ,
        "COSTWARD_SOCKET": str(folder / "s.sock"),
        "COSTWARD_WORKERS": str(workers),
        "COSTWARD_STATE_DIR": str(folder / "state"),
        "COSTWARD_CONTROL_PLANE": address,
        "COSTWARD_CONTROL_PLANE_CA": str(of.ca),
        "COSTWARD_CONTROL_PLANE_TOKEN": str(of.token),
        "COSTWARD_CONTROL_PLANE_NAME": str(of.name),
    }
    process = subprocess.Popen([sys.executable, "-m", "costward_extproc"], env=env)
    try:
        yield folder / "s.sock"
    finally:
        process.terminate()
        assert process.wait(20) == 0
        (folder / "s.sock").unlink(missing_ok=True)


async def _serves(socket: Path) -> bool:
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_it_serves_only_once_it_has_policies_and_then_without_a_control_plane(tmp_path: Path) -> None:
    authority, service = Authority(tmp_path), delivery()
    async with serving(service, authority) as address:
        with data_plane(authority, tmp_path, address) as socket:
            await until(lambda: any(service.planes), 20)
            await asyncio.sleep(0.3)
            assert not socket.exists()
            await service.publish(snapshot("a"))
            await until(socket.exists)
            assert await _serves(socket)
    with data_plane(authority, tmp_path, address) as socket:
        await until(socket.exists, 20)
        assert await _serves(socket)


async def test_it_ends_when_told_before_it_ever_served(tmp_path: Path) -> None:
    authority, service = Authority(tmp_path), delivery()
    async with serving(service, authority) as address:
        with data_plane(authority, tmp_path, address) as socket:
            await until(lambda: any(tmp_path.glob(".[0-9]*")), 20)
            await asyncio.sleep(0.5)
            assert not socket.exists()


async def test_each_worker_is_a_data_plane_of_its_own(tmp_path: Path) -> None:
    authority, service = Authority(tmp_path), delivery()
    async with serving(service, authority) as address:
        await service.publish(snapshot("a"))
        with data_plane(authority, tmp_path, address, workers=2):
            await until(lambda: len(list(service.planes)) == 2, 20)
            assert sorted(plane.node.rpartition("/")[2] for plane in service.planes) == ["0", "1"]
            await until(lambda: all(plane.holds for plane in service.planes))
