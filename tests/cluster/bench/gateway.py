"""Envoy Gateway in its standalone mode: Gateway API objects from a folder, and an Envoy that it starts by itself."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from costward_cli.envoy import envoy_binary

from tests.cluster.bench.process import BenchError, Process
from tools.cluster_binaries import Located

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
CLASS = "costward-bench"
XDS_PORT = 18_000
"""Envoy Gateway cannot be told another one: only one can run on a machine at a time."""


@dataclass(frozen=True, slots=True)
class StandaloneGateway:
    """`put` replaces the objects beside the class; Envoy Gateway watches the folder."""

    process: Process
    resources: Path
    envoy_version: str

    def put(self, *objects: Mapping[str, Any]) -> None:
        _write(self.resources, (*_class(self.envoy_version), *objects))


@contextlib.contextmanager
def running_gateway(
    located: Located,
    envoy_version: str,
    objects: Sequence[Mapping[str, Any]],
    is_ready: Callable[[], bool],
    folder: Path,
) -> Iterator[StandaloneGateway]:
    """Serves `objects`, whose Gateways are of the class CLASS; ready when `is_ready` says so. Raises BenchError."""
    _refuse_a_second_one()
    command = located.parts["envoy-gateway"]
    homes = _homes(folder, envoy_version)
    gateway = StandaloneGateway(
        Process(
            "envoy-gateway",
            [str(command), "server", "--config-path", str(folder / "gateway.yaml")],
            folder / "envoy-gateway.log",
            is_ready,
            env={"HOME": str(folder)},
            # Paths in what it writes are relative to where it runs.
            cwd=folder,
        ),
        folder / "resources",
        envoy_version,
    )
    gateway.resources.mkdir()
    gateway.put(*objects)
    (folder / "gateway.yaml").write_text(yaml.safe_dump(_configuration(gateway.resources, homes)))
    certificates = [str(command), "certgen", "--local", "--config-home", homes["configHome"]]
    subprocess.run(certificates, check=True, capture_output=True, cwd=folder)
    try:
        gateway.process.start()
        yield gateway
    finally:
        gateway.process.stop()


def _refuse_a_second_one() -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", XDS_PORT)) == 0:
            raise BenchError(f"port {XDS_PORT} is taken, which Envoy Gateway cannot do without: end what listens there")


def _homes(folder: Path, envoy_version: str) -> dict[str, str]:
    """Its folders, with our Envoy where it looks before it would download one."""
    homes = {name: folder / name for name in ("configHome", "dataHome", "stateHome", "runtimeDir")}
    place = homes["dataHome"] / "envoy-versions" / envoy_version / "bin"
    for made in (*homes.values(), place):
        made.mkdir(parents=True, exist_ok=True)
    (place / "envoy").symlink_to(envoy_binary())
    return {name: str(home) for name, home in homes.items()}


def _configuration(resources: Path, homes: Mapping[str, str]) -> dict[str, Any]:
    custom = {
        "resource": {"type": "File", "file": {"paths": [str(resources)]}},
        "infrastructure": {"type": "Host", "host": dict(homes)},
    }
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": CONTROLLER},
        "provider": {"type": "Custom", "custom": custom},
        # It would listen on every address of the machine.
        "telemetry": {"metrics": {"prometheus": {"disable": True}}},
        "extensionApis": {"enableBackend": True},
    }


def _class(envoy_version: str) -> tuple[dict[str, Any], dict[str, Any]]:
    group = "gateway.envoyproxy.io"
    parameters = {"group": group, "kind": "EnvoyProxy", "name": CLASS, "namespace": "default"}
    return (
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": CONTROLLER, "parametersRef": parameters},
        },
        {
            "apiVersion": f"{group}/v1alpha1",
            "kind": "EnvoyProxy",
            "metadata": {"name": CLASS, "namespace": "default"},
            "spec": {"provider": {"type": "Host", "host": {"envoyVersion": envoy_version}}},
        },
    )


def _write(resources: Path, objects: Sequence[Mapping[str, Any]]) -> None:
    """In one step, so that a half-written file is never read."""
    fresh = resources.with_suffix(".new")
    fresh.write_text(yaml.safe_dump_all([dict(one) for one in objects]))
    fresh.rename(resources / "objects.yaml")
