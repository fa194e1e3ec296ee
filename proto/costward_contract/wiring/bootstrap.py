"""A plain Envoy's whole static configuration, for machines without a mesh."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from betterproto2 import Casing
from envoy_data_plane.envoy.config.bootstrap.v3 import Admin, Bootstrap, BootstrapStaticResources
from envoy_data_plane.envoy.config.core.v3 import Address, Pipe, SocketAddress
from envoy_data_plane.envoy.config.overload.v3 import OverloadManager, ResourceMonitor
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import DownstreamConnectionsConfig
from envoy_data_plane.google.protobuf import Any as PackedAny

from costward_contract.wiring.clusters import data_plane_cluster, provider_cluster
from costward_contract.wiring.listener import listener
from costward_contract.wiring.spec import EnvoySpec, WiringError, problems_of

_SOCKET_MODE = 0o600
"""The admin interface can stop the process: the owner's alone."""

_MAX_CALLERS = 50_000
"""Connections, not requests. Without a bound a leak in one caller takes the proxy's memory from all the others."""


def envoy_bootstrap(spec: EnvoySpec) -> dict[str, Any]:
    """The bootstrap as Envoy reads it from JSON or YAML: field names of the protos, `@type` in every typed_config.

    Raises WiringError with every problem of `spec`.
    """
    problems = problems_of(spec)
    if problems:
        raise WiringError(problems)
    return _render(spec, wiring_hash(spec))


def wiring_hash(spec: EnvoySpec) -> str:
    """`sha256:` + 16 hex digits of everything but the hash itself: enough to tell one wiring from another."""
    canonical = json.dumps(_render(spec, ""), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _render(spec: EnvoySpec, digest: str) -> dict[str, Any]:
    bootstrap = Bootstrap(
        admin=_admin(spec),
        static_resources=BootstrapStaticResources(
            listeners=[listener(spec, digest)],
            clusters=[
                *(provider_cluster(spec, upstream, digest) for upstream in spec.upstreams),
                data_plane_cluster(spec),
            ],
        ),
        overload_manager=_overload_manager(),
    )
    return bootstrap.to_dict(casing=Casing.SNAKE)


def _admin(spec: EnvoySpec) -> Admin | None:
    if spec.admin_socket is not None:
        return Admin(address=Address(pipe=Pipe(path=spec.admin_socket, mode=_SOCKET_MODE)))
    if spec.admin_port is not None:
        return Admin(address=Address(socket_address=SocketAddress(address="127.0.0.1", port_value=spec.admin_port)))
    return None


def _overload_manager() -> OverloadManager:
    connections = DownstreamConnectionsConfig(max_active_downstream_connections=_MAX_CALLERS)
    return OverloadManager(
        resource_monitors=[
            ResourceMonitor(
                name="envoy.resource_monitors.global_downstream_max_connections",
                typed_config=PackedAny.pack(connections),
            )
        ]
    )
