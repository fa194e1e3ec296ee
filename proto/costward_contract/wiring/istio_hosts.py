"""What makes hosts in a mesh: aliases, providers with TLS, the way through an egress gateway, the data plane's Service.

None of it needs Costward to run: with the EnvoyFilter gone, calls to an alias still reach their provider.
"""

from __future__ import annotations

from typing import Any

from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.clusters import EJECTED, IN_FLIGHT, PROBE
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH
from costward_contract.wiring.mesh import MeshSpec, Obj, kubernetes_object

NETWORKING = "networking.istio.io/v1"
GATEWAY_NAME = "costward-egress"

_LONG = "3600s"
"""Where our own route does not stand in front: six times the 600 s after which the SDKs give up."""


def host_objects(spec: MeshSpec) -> list[Obj]:
    objects: list[Obj] = []
    for provider in spec.providers:
        objects += [_alias(spec, provider), _entry(spec, provider), _provider_rule(spec, provider)]
        # Istio applies no patch to the routes of a waypoint's host that has a VirtualService.
        objects += [] if spec.position == "waypoint" else _virtual_services(spec, provider)
    if spec.position == "gateway":
        objects += [_gateway(spec), _to_gateway_rule(spec)]
    return [*objects, _data_plane_rule(spec)]


def _istio(spec: MeshSpec, kind: str, name: str, body: Obj) -> Obj:
    return kubernetes_object(spec, (NETWORKING, kind), name, spec.namespace, body)


def _alias(spec: MeshSpec, provider: Provider) -> Obj:
    """Without endpoints: outside of the mesh it refuses, so that a provider key never leaves a pod in clear."""
    port = {"name": "http", "port": spec.port, "protocol": "TCP", "appProtocol": "http"}
    return _with_waypoint(
        spec, kubernetes_object(spec, ("v1", "Service"), provider.name, spec.namespace, {"ports": [port]})
    )


def _entry(spec: MeshSpec, provider: Provider) -> Obj:
    port = {"number": spec.port, "name": "http", "protocol": "HTTP", "targetPort": provider.port}
    body = {"hosts": [provider.host], "location": "MESH_EXTERNAL", "resolution": "DNS", "ports": [port]}
    return _with_waypoint(spec, _istio(spec, "ServiceEntry", provider.name, body))


def _with_waypoint(spec: MeshSpec, one: Obj) -> Obj:
    if spec.position == "waypoint":
        one["metadata"]["labels"] |= {
            "istio.io/use-waypoint": spec.proxy,
            "istio.io/use-waypoint-namespace": spec.proxy_namespace,
        }
    return one


def _provider_rule(spec: MeshSpec, provider: Provider) -> Obj:
    policy: Obj = {"connectionPool": _wide_open()}
    if provider.tls:
        # Without the name any certificate that chains to the bundle would do, whoever it was issued to.
        policy["tls"] = {"mode": "SIMPLE", "sni": provider.host, "subjectAltNames": [provider.host]}
    return _istio(spec, "DestinationRule", provider.name, {"host": provider.host, "trafficPolicy": policy})


def _wide_open() -> Obj:
    """At Istio's or Envoy's defaults a request too many would pass around the caps, or not fall back."""
    http = {"http1MaxPendingRequests": IN_FLIGHT, "http2MaxRequests": IN_FLIGHT, "maxRetries": IN_FLIGHT}
    return {"tcp": {"maxConnections": IN_FLIGHT}, "http": http}


def _virtual_services(spec: MeshSpec, provider: Provider) -> list[Obj]:
    return [
        _virtual_service(spec, provider, provider.name, spec.alias(provider), rewritten=True),
        _virtual_service(spec, provider, f"{provider.name}-host", provider.host, rewritten=False),
    ]


def _virtual_service(spec: MeshSpec, provider: Provider, name: str, host: str, *, rewritten: bool) -> Obj:
    routes = _to_provider(spec, provider, rewritten)
    body: Obj = {"hosts": [host]}
    if spec.position == "gateway":
        body["gateways"] = ["mesh", GATEWAY_NAME]
        for route in routes:
            route["match"] = [{**match, "gateways": [GATEWAY_NAME]} for match in route.get("match", [{}])]
        routes.insert(0, {**_plain_route(_gateway_host(spec), spec.port), "match": [{"gateways": ["mesh"]}]})
    return _istio(spec, "VirtualService", name, {**body, "http": routes})


def _to_provider(spec: MeshSpec, provider: Provider, rewritten: bool) -> list[dict[str, Any]]:
    route = _plain_route(provider.host, spec.port)
    if not rewritten:
        return [route]
    route["rewrite"] = {"authority": provider.host}
    if provider.base_path == CLIENT_BASE_PATH:
        return [route]
    below = {
        **route,
        "match": [{"uri": {"prefix": CLIENT_BASE_PATH + "/"}}],
        "rewrite": {"authority": provider.host, "uri": provider.base_path + "/"},
    }
    return [below, route]


def _plain_route(host: str, port: int) -> dict[str, Any]:
    # Istio would send a failed call twice again, unseen and paid for.
    destination = {"destination": {"host": host, "port": {"number": port}}}
    return {"route": [destination], "timeout": _LONG, "retries": {"attempts": 0}}


def _gateway_host(spec: MeshSpec) -> str:
    return f"{spec.proxy_service}.{spec.proxy_namespace}.svc.{spec.cluster_domain}"


def gateway_labels(spec: MeshSpec) -> dict[str, str]:
    return dict(spec.workload_labels) or {"istio": spec.proxy}


def _gateway(spec: MeshSpec) -> Obj:
    server = {
        "port": {"number": spec.port, "name": "https-costward", "protocol": "HTTPS"},
        "hosts": [host for provider in spec.providers for host in (spec.alias(provider), provider.host)],
        # The caller's certificate is what tells the data plane who it is.
        "tls": {"mode": "ISTIO_MUTUAL"},
    }
    return _istio(spec, "Gateway", GATEWAY_NAME, {"selector": gateway_labels(spec), "servers": [server]})


def _to_gateway_rule(spec: MeshSpec) -> Obj:
    policy = {"tls": {"mode": "ISTIO_MUTUAL"}, "connectionPool": _wide_open()}
    port = {"port": {"number": spec.port}, **policy}
    body = {"host": _gateway_host(spec), "trafficPolicy": {"portLevelSettings": [port]}}
    return _istio(spec, "DestinationRule", GATEWAY_NAME, body)


def _data_plane_rule(spec: MeshSpec) -> Obj:
    policy: Obj = {
        # Exchanges differ in length a thousandfold: the data plane with the fewest open ones is the idlest.
        "loadBalancer": {"simple": "LEAST_REQUEST"},
        "connectionPool": _wide_open(),
        "outlierDetection": {
            "splitExternalLocalOriginErrors": True,
            "consecutiveLocalOriginFailures": 1,
            "interval": _seconds(PROBE.total_seconds()),
            "baseEjectionTime": _seconds(EJECTED.total_seconds()),
            "maxEjectionPercent": 100,
            # No panic: with none left requests fail open or closed at once instead of waiting for dead ones.
            "minHealthPercent": 0,
        },
    }
    if spec.position != "waypoint":
        # From a waypoint the tunnel of the mesh is the mutual TLS; a second one would have no certificate.
        account = f"spiffe://{spec.trust_domain}/ns/{spec.namespace}/sa/{spec.data_plane_account}"
        policy["tls"] = {"mode": "ISTIO_MUTUAL", "subjectAltNames": [account]}
    return _istio(spec, "DestinationRule", spec.data_plane, {"host": spec.data_plane_host, "trafficPolicy": policy})


def _seconds(value: float) -> str:
    return f"{value:g}s"
