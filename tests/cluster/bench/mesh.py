"""istiod beside the control plane, and plain Envoys that it configures as sidecars: a mesh without containers.

Upstream Envoy lacks Istio's own extensions and there is no Istio agent, so what needs either is switched off: metadata
exchange, ALPN override, the CA and automatic mTLS. Listeners, routes, clusters and EnvoyFilters are istiod's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from costward_cli.envoy import envoy_binary

from tests.cluster.bench.api import Api
from tests.cluster.bench.process import Process, free_ports, says_ok
from tools.cluster_binaries import Located

ROOT_NAMESPACE = "istio-system"
MESH_CONFIG: dict[str, Any] = {
    "rootNamespace": ROOT_NAMESPACE,
    "trustDomain": "cluster.local",
    "enableAutoMtls": False,
    # A host that no resource names is refused, so that a request which passes was let through by istiod.
    "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
}
ISTIOD_ENVIRONMENT = {
    "POD_NAMESPACE": ROOT_NAMESPACE,
    "ENABLE_CA_SERVER": "false",
    "PILOT_CERT_PROVIDER": "none",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
}
NO_MTLS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": ROOT_NAMESPACE},
    # Else listeners wait for secrets that only the Istio agent serves.
    "spec": {"mtls": {"mode": "DISABLE"}},
}
ISTIO_VERSION = "1.31.0"
"""What a proxy says of itself; istiod leaves out what an older one could not read."""
_address = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Mesh:
    """A running istiod: `xds_port` is for proxies, `debug_url` answers `/debug/…`."""

    istiod: Process
    xds_port: int
    debug_url: str


@dataclass(frozen=True, slots=True)
class Workload:
    """Whom a proxy speaks for: what istiod takes from a pod, told by the node's metadata."""

    name: str
    namespace: str
    service_account: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """An Envoy that istiod configures; `admin_url` is its own admin interface."""

    process: Process
    admin_url: str

    def config_dump(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.admin_url}/config_dump").json()
        return answer

    def listens_on(self, port: int) -> bool:
        listeners = httpx.get(f"{self.admin_url}/listeners", params={"format": "json"}).json()
        addresses = (one["local_address"] for one in listeners.get("listener_statuses", []))
        return any(address.get("socket_address", {}).get("port_value") == port for address in addresses)


def install_crds(api: Api, *files: Path) -> None:
    """Server-side, as some are larger than the annotation that kubectl would keep them in."""
    for file in files:
        api.kubectl("apply", "--server-side", "-f", str(file))
    api.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@contextlib.contextmanager
def running_mesh(api: Api, located: Located, folder: Path) -> Iterator[Mesh]:
    """istiod with its CRDs and the Gateway API's; ready when it would configure a proxy."""
    install_crds(api, located.parts["istio-crds.yaml"], located.parts["gateway-crds.yaml"])
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ROOT_NAMESPACE}}, NO_MTLS)
    mesh = _istiod(api, located.parts["istiod"], folder)
    try:
        mesh.istiod.start()
        yield mesh
    finally:
        mesh.istiod.stop()


def _istiod(api: Api, binary: Path, folder: Path) -> Mesh:
    xds, http, monitoring = free_ports(3)
    config = folder / "mesh.yaml"
    config.write_text(json.dumps(MESH_CONFIG))
    words = {
        "kubeconfig": str(api.kubeconfig_for(api.token)),
        "meshConfig": str(config),
        "grpcAddr": f"127.0.0.1:{xds}",
        "secureGRPCAddr": "",
        "httpsAddr": "",
        "httpAddr": f"127.0.0.1:{http}",
        "monitoringAddr": f"127.0.0.1:{monitoring}",
        "ctrlz_port": "0",
    }
    url = f"http://127.0.0.1:{http}"
    process = Process(
        "istiod",
        [str(binary), "discovery", *(f"--{name}={value}" for name, value in words.items())],
        folder / "istiod.log",
        lambda: says_ok(f"{url}/ready"),
        env=ISTIOD_ENVIRONMENT,
        # It looks for certificates and files below its folder, and must find none of the machine's.
        cwd=folder,
    )
    return Mesh(process, xds, url)


@contextlib.contextmanager
def running_sidecar(mesh: Mesh, workload: Workload, folder: Path) -> Iterator[Sidecar]:
    """Ready when Envoy has its first configuration from istiod."""
    (admin,) = free_ports(1)
    config = folder / f"{workload.name}.json"
    config.write_text(json.dumps(_bootstrap(mesh, workload, admin)))
    command = [str(envoy_binary()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
    url = f"http://127.0.0.1:{admin}"
    log = folder / f"{workload.name}.log"
    process = Process(f"sidecar {workload.name}", command, log, lambda: says_ok(f"{url}/ready"))
    try:
        process.start()
        yield Sidecar(process, url)
    finally:
        process.stop()


def _bootstrap(mesh: Mesh, workload: Workload, admin: int) -> dict[str, Any]:
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    service = {"envoy_grpc": {"cluster_name": "xds-grpc"}}
    return {
        "node": _node(workload),
        "admin": {"address": _loopback(admin)},
        "dynamic_resources": {
            "lds_config": source,
            "cds_config": source,
            "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]},
        },
        "static_resources": {"clusters": [_xds_cluster(mesh.xds_port)]},
    }


def _node(workload: Workload) -> dict[str, Any]:
    # An address of its own, by which istiod tells proxies apart; nothing is ever sent to it.
    address = f"10.244.0.{next(_address)}"
    domain = f"{workload.namespace}.svc.cluster.local"
    return {
        "id": f"sidecar~{address}~{workload.name}.{workload.namespace}~{domain}",
        "cluster": f"{workload.name}.{workload.namespace}",
        "metadata": {
            "NAME": workload.name,
            "NAMESPACE": workload.namespace,
            "SERVICE_ACCOUNT": workload.service_account,
            "LABELS": dict(workload.labels),
            "CLUSTER_ID": "Kubernetes",
            "ISTIO_VERSION": ISTIO_VERSION,
            "INSTANCE_IPS": address,
            # No iptables here: listeners that a Sidecar resource names really bind, and no others are made.
            "INTERCEPTION_MODE": "NONE",
        },
    }


def _xds_cluster(port: int) -> dict[str, Any]:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _loopback(port)}}]}
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "name": "xds-grpc",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [endpoint]},
    }


def _loopback(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
