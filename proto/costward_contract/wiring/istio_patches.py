"""The EnvoyFilter: what Istio has no words for, patched into what Istio makes.

Routes of our own stand in front of Istio's, for the alias and for the provider's own name: a patch on one alone would
let the other pass unseen. Istio's routes stay behind them, so that with this object gone traffic goes on.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from betterproto2 import Casing, Message
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.config.route.v3 import FilterConfig, Route, RouteAction, RouteMatch, VirtualHost
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation as HeaderMutationFilter
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutationPerRoute, Mutations
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from costward_contract.headers import RESPONSE_HEADERS
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.clusters import HTTP_OPTIONS, health_check, no_panic, provider_protocol
from costward_contract.wiring.ext_proc import enabled_on_route, ext_proc_filter
from costward_contract.wiring.istio_hosts import gateway_labels
from costward_contract.wiring.listener import own_headers_filter
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH
from costward_contract.wiring.mesh import MeshSpec, Obj, kubernetes_object
from costward_contract.wiring.routes import FORWARDING_HEADERS, IDLE_TIMEOUT, NO_TIMEOUT, NO_UPGRADE, READS
from costward_contract.wiring.spec import BODY_LIMIT_BYTES

CONTROLS_FILTER = "costward.callers_controls"
"""Not `x-envoy-*` early, as a plain Envoy does it: elsewhere in a mesh those headers may be somebody's own."""

_HCM = "envoy.filters.network.http_connection_manager"
_ROUTER = "envoy.filters.http.router"
_CONNECT = timedelta(seconds=5)
"""As for a plain Envoy: room for one lost SYN."""

_CONTEXTS = {"gateway": "GATEWAY", "waypoint": "SIDECAR_INBOUND", "sidecar": "SIDECAR_OUTBOUND"}
_CLUSTER_CONTEXTS = {**_CONTEXTS, "waypoint": "SIDECAR_OUTBOUND"}
"""A waypoint's listeners are inbound ones; of its clusters EnvoyFilters reach the outbound ones alone."""


def envoy_filter(spec: MeshSpec, digest: str) -> Obj:
    """`digest`: the wiring's hash, announced with each call."""
    body = {**_aim(spec), "configPatches": [*_filters(spec, digest), *_routes(spec), *_clusters(spec, digest)]}
    made = kubernetes_object(
        spec, ("networking.istio.io/v1alpha3", "EnvoyFilter"), envoy_filter_name(spec), spec.proxy_namespace, body
    )
    if spec.position != "sidecar":
        # Those proxies have no cluster that nobody refers to, and a missing one shows as requests that pass unseen.
        hosts = [spec.data_plane_host, *(provider.host for provider in spec.providers)]
        named = ",".join(f"{spec.namespace}/{host}" for host in hosts)
        made["metadata"]["annotations"] = {"envoyfilter.istio.io/referenced-services": named}
    return made


def envoy_filter_name(spec: MeshSpec) -> str:
    """One for each set of proxies: a namespace may hold a gateway, a waypoint and workloads wired apart."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(spec.workload_labels.items()))
    # Labels may hold what a name may not; 32 bits tell apart the few sets of one namespace.
    chosen = [hashlib.sha256(labels.encode()).hexdigest()[:8]] if labels else []
    proxy = [] if spec.position == "sidecar" else [spec.proxy]
    return "-".join(["costward", spec.position, *proxy, *chosen])


def _aim(spec: MeshSpec) -> Obj:
    if spec.position == "waypoint":
        # A waypoint ignores selectors.
        return {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": spec.proxy}]}
    labels = gateway_labels(spec) if spec.position == "gateway" else dict(spec.workload_labels)
    return {"workloadSelector": {"labels": labels}} if labels else {}


def _filters(spec: MeshSpec, digest: str) -> list[Obj]:
    listener: Obj = {"filterChain": {"filter": {"name": _HCM, "subFilter": {"name": _ROUTER}}}}
    if spec.position == "sidecar":
        listener["portNumber"] = spec.port
    match = {"context": _CONTEXTS[spec.position], "listener": listener}
    # Each goes right before the router, so they run in this order.
    filters = (_controls_filter(), ext_proc_filter(spec.hop, digest), own_headers_filter())
    return [_patch("HTTP_FILTER", match, "INSERT_BEFORE", one) for one in filters]


def _controls_filter() -> HttpFilter:
    controls = HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix="x-envoy-"))
    mutations = Mutations(request_mutations=[HeaderMutation(remove_on_match=controls)])
    config = Any.pack(HeaderMutationFilter(mutations=mutations))
    return HttpFilter(name=CONTROLS_FILTER, typed_config=config, disabled=True)


def _routes(spec: MeshSpec) -> list[Obj]:
    patches = []
    for provider in spec.providers:
        for host, base in ((spec.alias(provider), provider.base_path), (provider.host, CLIENT_BASE_PATH)):
            match = {"context": _CONTEXTS[spec.position], "routeConfiguration": _virtual_host(spec, host)}
            # By this header the chain of each attempt knows a second one; it ends there.
            counted = VirtualHost(include_request_attempt_count=True)
            patches.append(_patch("VIRTUAL_HOST", match, "MERGE", counted))
            # Each goes before all others, so the last one here is asked first.
            routes = reversed(_routes_of(spec, provider, host, base))
            patches += [_patch("HTTP_ROUTE", match, "INSERT_FIRST", route) for route in routes]
    return patches


def _virtual_host(spec: MeshSpec, host: str) -> Obj:
    if spec.position == "waypoint":
        # All virtual hosts of a waypoint have one name; their route configurations do not.
        return {"name": f"inbound-vip|{spec.port}|http|{host}"}
    return {"vhost": {"name": f"{host}:{spec.port}"}}


def _routes_of(spec: MeshSpec, provider: Provider, host: str, base: str) -> list[Route]:
    """In the order in which Envoy asks them. `base`: what takes the place of the base path that callers write."""
    everywhere = _calls_and_reads(spec, provider, f"costward/{host}", "")
    if base == CLIENT_BASE_PATH:
        return everywhere
    return [*_calls_and_reads(spec, provider, f"costward/{host}{CLIENT_BASE_PATH}", base), *everywhere]


def _calls_and_reads(spec: MeshSpec, provider: Provider, name: str, base: str) -> list[Route]:
    """What only reads costs nothing, so it passes whenever the data plane is gone, also where calls are refused."""
    reads = RouteMatch(headers=[READS, NO_UPGRADE])
    calls = RouteMatch()
    for match in (reads, calls):
        if base:
            match.path_separated_prefix = CLIENT_BASE_PATH
        else:
            match.prefix = "/"
    return [
        _route(spec, provider, (f"{name}/reads", reads, base), fails_open=True),
        _route(spec, provider, (f"{name}/calls", calls, base), fails_open=provider.name not in spec.closed),
    ]


def _route(spec: MeshSpec, provider: Provider, place: tuple[str, RouteMatch, str], *, fails_open: bool) -> Route:
    name, match, base = place
    # Not an empty FilterConfig: istiod drops a route with one, and says so in its log alone.
    controls = FilterConfig(config=Any.pack(HeaderMutationPerRoute(mutations=Mutations())))
    return Route(
        name=name,
        match=match,
        route=RouteAction(
            cluster=spec.provider_cluster(provider),
            host_rewrite_literal=provider.host,
            prefix_rewrite=base,
            timeout=NO_TIMEOUT,
            idle_timeout=IDLE_TIMEOUT,
        ),
        typed_per_filter_config={**enabled_on_route(fails_open), CONTROLS_FILTER: Any.pack(controls)},
        # Lifts the listener's buffer limit; above it a buffered body would be a 413.
        request_body_buffer_limit=BODY_LIMIT_BYTES,
        request_headers_to_remove=list(FORWARDING_HEADERS),
        # Applied to what the provider sent, before the data plane adds its own.
        response_headers_to_remove=list(RESPONSE_HEADERS),
    )


def _clusters(spec: MeshSpec, digest: str) -> list[Obj]:
    context = _CLUSTER_CONTEXTS[spec.position]
    patches = []
    for provider in spec.providers:
        # A map's value is replaced as a whole, so the options are complete.
        options = {HTTP_OPTIONS: Any.pack(provider_protocol(spec.hop, digest, tls=provider.tls))}
        cluster = Cluster(connect_timeout=_CONNECT, typed_extension_protocol_options=options)
        patches.append(_cluster_patch(context, spec.provider_cluster(provider), cluster))
    probed = Cluster(health_checks=[health_check()], common_lb_config=no_panic())
    return [*patches, _cluster_patch(context, spec.hop.cluster, probed)]


def _cluster_patch(context: str, name: str, value: Cluster) -> Obj:
    return _patch("CLUSTER", {"context": context, "cluster": {"name": name}}, "MERGE", value)


def _patch(apply_to: str, match: Obj, operation: str, value: Message) -> Obj:
    patch = {"operation": operation, "value": value.to_dict(casing=Casing.SNAKE)}
    return {"applyTo": apply_to, "match": match, "patch": patch}
