"""istiod configures an Envoy from resources on the API server: a request goes where they say, else nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh, Sidecar, Workload, running_sidecar
from tests.cluster.bench.process import free_ports, until
from tests.cluster.bench.upstream import running_echo

HOST = "provider.example"
OTHER_HOST = "other.example"
NETWORKING = "networking.istio.io/v1"


def service_entry(port: int, upstream: int) -> dict[str, Any]:
    spec = {
        "hosts": [HOST],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": port, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": "127.0.0.1", "ports": {"http": upstream}}],
    }
    return {"apiVersion": NETWORKING, "kind": "ServiceEntry", "metadata": {"name": "provider"}, "spec": spec}


def listener(port: int) -> dict[str, Any]:
    egress = {
        "port": {"number": port, "name": "http", "protocol": "HTTP"},
        "bind": "127.0.0.1",
        "captureMode": "NONE",
        "hosts": ["./*"],
    }
    return {"apiVersion": NETWORKING, "kind": "Sidecar", "metadata": {"name": "app"}, "spec": {"egress": [egress]}}


@pytest.fixture
def port() -> int:
    (free,) = free_ports(1)
    return free


@pytest.fixture
def sidecar(api: Api, mesh: Mesh, port: int, tmp_path: Path) -> Iterator[Sidecar]:
    """The proxy of a workload whose one listener istiod makes, on `port`."""
    with running_echo() as upstream:
        api.apply(service_entry(port, upstream), listener(port))
        with running_sidecar(mesh, Workload("app", api.namespace), tmp_path) as running:
            until(lambda: running.listens_on(port), "istiod's listener", seconds=30, show=running.process.tail)
            yield running


def test_a_request_passes_through_istiods_listener(sidecar: Sidecar, port: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/v1/models", headers={"host": HOST})

    assert answer.json() == {"host": HOST, "path": "/v1/models"}
    assert "x-envoy-upstream-service-time" in answer.headers


def test_a_host_that_no_resource_names_is_refused(sidecar: Sidecar, port: int) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"host": OTHER_HOST})

    assert answer.status_code == 502


def test_a_change_on_the_api_server_reaches_the_proxy(api: Api, sidecar: Sidecar, port: int) -> None:
    def status() -> int:
        return httpx.get(f"http://127.0.0.1:{port}/", headers={"host": OTHER_HOST}).status_code

    assert status() == 502

    api.kubectl("patch", "serviceentry", "provider", "--type=merge", "-p", f'{{"spec":{{"hosts":["{OTHER_HOST}"]}}}}')

    until(lambda: status() == 200, "the new route", seconds=15, show=sidecar.process.tail)
