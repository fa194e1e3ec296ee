"""Where the listener's traffic goes: the providers, and the data plane's sockets."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterLbPolicy,
    OutlierDetection,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    Pipe,
    SocketAddress,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

from costward_contract.wiring.attempts import attempt_filters
from costward_contract.wiring.ext_proc import CLUSTER_NAME
from costward_contract.wiring.spec import EnvoySpec, Hop, Upstream, is_ip
from costward_contract.wiring.tls import mutual_tls, provider_tls

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

IN_FLIGHT = 100_000
"""One exchange holds one stream for as long as its answer takes, so thousands run at once. At Envoy's default of 1,024
the next request would pass around the caps (fail open) or fail; this bound is memory's, not a number of ours."""

_CONNECT_DATA_PLANE = timedelta(milliseconds=250)
"""A Unix socket connects at once or its process is gone, and a pod of the same cluster within milliseconds; what is
left is a full accept queue."""

_CONNECT_PROVIDER = timedelta(seconds=5)
"""Room for one lost SYN (retried after 1 s and 3 s); the SDKs' own connect time-out is 5 s too."""

PROBE = timedelta(milliseconds=250)
"""While a worker is gone and not known to be, each exchange sent to it passes unmetered or fails. A probe costs the
worker a third of a millisecond."""

_PROBE_TIMEOUT = timedelta(seconds=1)
"""As long as an exchange waits for a message: a worker that is silent for it has failed every exchange by then, so one
such probe takes it out. With less, a machine that is merely busy would lose its workers, and with them its caps."""

EJECTED = timedelta(seconds=1)
"""Until the probes know better: a worker that refused one connection is not asked again meanwhile."""

_MOST_EJECTED_PROVIDERS = 50
"""Percent of a provider's addresses: with one address none is ever ejected, with several at most half of them."""


def provider_cluster(spec: EnvoySpec, upstream: Upstream, digest: str) -> Cluster:
    address = Address(socket_address=SocketAddress(address=upstream.host, port_value=upstream.port))
    return Cluster(
        name=upstream.name,
        type=ClusterDiscoveryType.STATIC if upstream.is_address else ClusterDiscoveryType.STRICT_DNS,
        # A host that has no route over IPv6 here must not be tried there first.
        dns_lookup_family=ClusterDnsLookupFamily.V4_PREFERRED,
        connect_timeout=_CONNECT_PROVIDER,
        load_assignment=_assignment(upstream.name, [address]),
        circuit_breakers=_wide_open(),
        outlier_detection=_without_broken_addresses(),
        typed_extension_protocol_options={HTTP_OPTIONS: Any.pack(_provider_protocol(spec, upstream, digest))},
        transport_socket=provider_tls(upstream, upstream.ca_file or spec.ca_file) if upstream.tls else None,
    )


def data_plane_cluster(spec: EnvoySpec) -> Cluster:
    http2 = HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=Http2ProtocolOptions())
    return Cluster(
        name=CLUSTER_NAME,
        type=ClusterDiscoveryType.STATIC if _all_fixed(spec) else ClusterDiscoveryType.STRICT_DNS,
        connect_timeout=_CONNECT_DATA_PLANE,
        # Exchanges differ in length a thousandfold: the worker with the fewest open ones is the idlest.
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        load_assignment=_assignment(CLUSTER_NAME, _data_planes(spec)),
        circuit_breakers=_wide_open(),
        # gRPC is HTTP/2 only, and a Unix socket has no ALPN to find that out.
        typed_extension_protocol_options={HTTP_OPTIONS: Any.pack(HttpProtocolOptions(explicit_http_config=http2))},
        health_checks=[health_check()],
        outlier_detection=_without_dead_workers(),
        common_lb_config=no_panic(),
        # Connections to a worker that fails its probes stay: it may only be draining, and its streams are to finish.
        close_connections_on_host_health_failure=False,
        transport_socket=mutual_tls(spec.hop_tls) if spec.hop_tls is not None else None,
    )


def plain_hop(spec: EnvoySpec) -> Hop:
    return Hop(CLUSTER_NAME, spec.failure_mode_allow)


def no_panic() -> ClusterCommonLbConfig:
    return ClusterCommonLbConfig(
        # At the default of 50 % a proxy without a healthy worker sends to the dead ones, and every request waits.
        healthy_panic_threshold=Percent(value=0),
        # By default the second change of health within a second reaches the proxy's threads only after it.
        update_merge_window=timedelta(0),
    )


def _data_planes(spec: EnvoySpec) -> list[Address]:
    sockets = [Address(pipe=Pipe(path=path)) for path in spec.sockets]
    return [*sockets, *(_socket_address(address) for address in spec.addresses)]


def _socket_address(address: str) -> Address:
    host, _, port = address.rpartition(":")
    return Address(socket_address=SocketAddress(address=host.strip("[]"), port_value=int(port)))


def _all_fixed(spec: EnvoySpec) -> bool:
    return all(is_ip(address.rpartition(":")[0].strip("[]")) for address in spec.addresses)


def _without_dead_workers() -> OutlierDetection:
    """A connection that is refused tells at once what the probes find out later, and so do five errors in a row."""
    return OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=1,
        enforcing_consecutive_local_origin_failure=100,
        base_ejection_time=EJECTED,
        max_ejection_time=EJECTED,
        # The default looks every 10 s whether an ejection is over.
        interval=PROBE,
        max_ejection_percent=100,
        enforcing_success_rate=0,
        enforcing_local_origin_success_rate=0,
    )


def _without_broken_addresses() -> OutlierDetection:
    """For providers whose name has several addresses: one that cannot be reached, or fails five times in a row, is left
    alone for Envoy's 30 s."""
    return OutlierDetection(
        split_external_local_origin_errors=True,
        # A tenth of failing answers is a provider's bad day, not an address's.
        enforcing_success_rate=0,
        enforcing_local_origin_success_rate=0,
        max_ejection_percent=_MOST_EJECTED_PROVIDERS,
        always_eject_one_host=False,
    )


def health_check() -> HealthCheck:
    return HealthCheck(
        grpc_health_check=HealthCheckGrpcHealthCheck(),
        timeout=_PROBE_TIMEOUT,
        interval=PROBE,
        # Envoy probes an idle cluster once a minute unless told otherwise: too late for the first request.
        no_traffic_interval=PROBE,
        no_traffic_healthy_interval=PROBE,
        unhealthy_interval=PROBE,
        unhealthy_threshold=1,
        healthy_threshold=1,
    )


def _provider_protocol(spec: EnvoySpec, upstream: Upstream, digest: str) -> HttpProtocolOptions:
    return provider_protocol(plain_hop(spec), digest, tls=upstream.tls, http2=upstream.http2)


def provider_protocol(hop: Hop, digest: str, *, tls: bool, http2: bool = False) -> HttpProtocolOptions:
    """A provider cluster's whole protocol options. `http2`: without TLS, speak HTTP/2 at once."""
    filters = attempt_filters(hop, digest)
    v1, v2 = Http1ProtocolOptions(), Http2ProtocolOptions()
    if tls:
        # ALPN decides: HTTP/2 where the provider has it, else HTTP/1.1.
        automatic = HttpProtocolOptionsAutoHttpConfig(http_protocol_options=v1, http2_protocol_options=v2)
        return HttpProtocolOptions(auto_config=automatic, http_filters=filters)
    explicit = HttpProtocolOptionsExplicitHttpConfig(
        http_protocol_options=None if http2 else v1,
        http2_protocol_options=v2 if http2 else None,
    )
    return HttpProtocolOptions(explicit_http_config=explicit, http_filters=filters)


def _assignment(name: str, addresses: list[Address]) -> ClusterLoadAssignment:
    endpoints = [LbEndpoint(endpoint=Endpoint(address=address)) for address in addresses]
    return ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=endpoints)])


def _wide_open() -> CircuitBreakers:
    return CircuitBreakers(
        thresholds=[
            CircuitBreakersThresholds(
                max_connections=IN_FLIGHT,
                max_pending_requests=IN_FLIGHT,
                max_requests=IN_FLIGHT,
                # Three at once by default: of 2,000 exchanges that a provider fails, nearly all would not fall back.
                max_retries=IN_FLIGHT,
            )
        ]
    )
