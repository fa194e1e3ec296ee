"""Envoy Gateway, wired by its own objects, and what they cannot carry. Pure: GatewaySpec -> plain dicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costward_contract.metadata import WIRING_VERSION
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.clusters import IN_FLIGHT
from costward_contract.wiring.istio import digest_of
from costward_contract.wiring.mesh import HASH_ANNOTATION, MANAGED_BY, VERSION_LABEL, MeshSpec, Obj, mesh_problems
from costward_contract.wiring.spec import WiringError

GATEWAY_GROUP = "gateway.networking.k8s.io"
_ENVOY = "gateway.envoyproxy.io/v1alpha1"
_GATEWAY = f"{GATEWAY_GROUP}/v1"

NOT_CARRIED: tuple[str, ...] = (
    "no mutation_rules: Envoy's own defaults say which headers the data plane may change",
    "no second attempts: a chain of filters per attempt needs an EnvoyPatchPolicy, which is off by default",
    "no initial_metadata: the proxies announce neither wiring version, hash nor capabilities",
    "no max_message_timeout: the data plane cannot stretch one message beyond its second",
    "no failure flag per route beside failOpen of a whole policy: reads fail as calls do",
    "no update_merge_window: a second change of health within a second is seen after it",
)
"""Told by doctor, so that nobody expects of this wiring what the others do."""


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    providers: tuple[Provider, ...]
    gateway: str = "costward"
    """Name of an existing Gateway; its listener takes HTTP."""
    namespace: str = "costward-system"
    """Of the Gateway and the data plane: these policies attach in their own namespace only."""
    data_plane: str = "costward-extproc"
    data_plane_port: int = 9002
    data_plane_ca: str = "costward-extproc-ca"
    """ConfigMap whose `ca.crt` the data plane's certificate must chain to."""
    closed: frozenset[str] = frozenset()
    """Names of providers whose requests are refused while the data plane is gone."""

    @property
    def data_plane_host(self) -> str:
        return f"{self.data_plane}.{self.namespace}.svc.cluster.local"


def envoy_gateway_objects(spec: GatewaySpec) -> list[Obj]:
    """All objects, each with the wiring's version and hash. Raises WiringError with every problem of `spec`."""
    as_mesh = MeshSpec(
        "gateway", spec.providers, namespace=spec.namespace, data_plane=spec.data_plane, proxy=spec.gateway,
        closed=spec.closed,
    )  # fmt: skip
    problems = mesh_problems(as_mesh)
    if problems:
        raise WiringError(problems)
    objects = [one for provider in spec.providers for one in _provider_objects(spec, provider)]
    objects += [_client_policy(spec), _backend_policy(spec), _data_plane_tls(spec)]
    digest = digest_of(objects)
    for one in objects:
        one["metadata"]["annotations"] = {HASH_ANNOTATION: digest}
    return objects


def _object(spec: GatewaySpec, api: str, kind: str, name: str, body: Obj) -> Obj:
    labels = {**MANAGED_BY, VERSION_LABEL: WIRING_VERSION}
    metadata = {"name": name, "namespace": spec.namespace, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": body}


def _provider_objects(spec: GatewaySpec, provider: Provider) -> list[Obj]:
    return [_backend(spec, provider), _route(spec, provider), _extension(spec, provider)]


def _backend(spec: GatewaySpec, provider: Provider) -> Obj:
    body: Obj = {"endpoints": [{"fqdn": {"hostname": provider.host, "port": provider.port}}]}
    if provider.tls:
        body["tls"] = {"wellKnownCACertificates": "System", "sni": provider.host}
    return _object(spec, _ENVOY, "Backend", provider.name, body)


def _route(spec: GatewaySpec, provider: Provider) -> Obj:
    to_provider = {"type": "URLRewrite", "urlRewrite": {"hostname": provider.host}}
    rule = {
        "backendRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": provider.name}],
        "filters": [to_provider],
    }
    body = {"parentRefs": [{"name": spec.gateway}], "hostnames": [provider.host], "rules": [rule]}
    return _object(spec, _GATEWAY, "HTTPRoute", provider.name, body)


def _extension(spec: GatewaySpec, provider: Provider) -> Obj:
    processor = {
        "backendRefs": [{"name": spec.data_plane, "port": spec.data_plane_port}],
        "messageTimeout": "1s",
        "failOpen": provider.name not in spec.closed,
        # Headers of requests only; the response part left out means that none is sent until asked for.
        "processingMode": {
            "allowModeOverride": True,
            "request": {"attributes": ["connection.uri_san_peer_certificate"]},
        },
        "metadata": {
            "accessibleNamespaces": ["envoy.filters.http.jwt_authn"],
            "writableNamespaces": ["costward.ticket"],
        },
    }
    target = {"group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": provider.name}
    return _object(
        spec, _ENVOY, "EnvoyExtensionPolicy", provider.name, {"targetRefs": [target], "extProc": [processor]}
    )


def _gateway_target(spec: GatewaySpec) -> Sequence[Obj]:
    return [{"group": GATEWAY_GROUP, "kind": "Gateway", "name": spec.gateway}]


def _client_policy(spec: GatewaySpec) -> Obj:
    body = {
        "targetRefs": _gateway_target(spec),
        # A listener's 32 KiB would turn most prompts into a 413.
        "connection": {"bufferLimit": "32Mi"},
        # A caller's controls could ask for retries that nobody accounts for.
        "headers": {"earlyRequestHeaders": {"removeOnMatch": [{"type": "Prefix", "value": "x-envoy-"}]}},
    }
    return _object(spec, _ENVOY, "ClientTrafficPolicy", spec.gateway, body)


def _backend_policy(spec: GatewaySpec) -> Obj:
    body = {
        "targetRefs": _gateway_target(spec),
        # Envoy's 15 s would cut nearly every long generation; SDKs give up at 600 s, and the proxy must not be first.
        "timeout": {"http": {"requestTimeout": "0s", "streamIdleTimeout": "900s"}},
        # A call that fails is paid for; only the data plane may ask for another.
        "retry": {"numRetries": 0},
        "circuitBreaker": {
            "maxConnections": IN_FLIGHT,
            "maxPendingRequests": IN_FLIGHT,
            "maxParallelRequests": IN_FLIGHT,
            "maxParallelRetries": IN_FLIGHT,
        },
    }
    return _object(spec, _ENVOY, "BackendTrafficPolicy", spec.gateway, body)


def _data_plane_tls(spec: GatewaySpec) -> Obj:
    body = {
        "targetRefs": [{"group": "", "kind": "Service", "name": spec.data_plane}],
        "validation": {
            "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": spec.data_plane_ca}],
            "hostname": spec.data_plane_host,
        },
    }
    return _object(spec, _GATEWAY, "BackendTLSPolicy", spec.data_plane, body)
