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
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    DataSource,
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    Pipe,
    SocketAddress,
    TransportSocket,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

from costward_contract.wiring.ext_proc import CLUSTER_NAME
from costward_contract.wiring.spec import EnvoySpec, Upstream

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

_IN_FLIGHT = 100_000
"""One exchange holds one stream for as long as its answer takes, so thousands run at once. At Envoy's default of 1,024
the next request would pass around the caps (fail open) or fail; this bound is memory's, not a number of ours."""

_CONNECT_LOCAL = timedelta(milliseconds=250)
"""A Unix socket connects at once or its process is gone; what is left is a full accept queue."""

_CONNECT_PROVIDER = timedelta(seconds=5)
"""Room for one lost SYN (retried after 1 s and 3 s); the SDKs' own connect time-out is 5 s too."""

_PROBE = timedelta(seconds=1)
"""Two missed probes take a hung worker out within about two seconds."""

_PROBE_WHILE_DOWN = timedelta(milliseconds=250)
"""While a worker is down its exchanges pass unmetered or fail, so its return is looked for more often."""


def provider_cluster(spec: EnvoySpec, upstream: Upstream) -> Cluster:
    address = Address(socket_address=SocketAddress(address=upstream.host, port_value=upstream.port))
    return Cluster(
        name=upstream.name,
        type=ClusterDiscoveryType.STATIC if upstream.is_address else ClusterDiscoveryType.STRICT_DNS,
        # A host that has no route over IPv6 here must not be tried there first.
        dns_lookup_family=ClusterDnsLookupFamily.V4_PREFERRED,
        connect_timeout=_CONNECT_PROVIDER,
        load_assignment=_assignment(upstream.name, [address]),
        circuit_breakers=_wide_open(),
        typed_extension_protocol_options={_HTTP_OPTIONS: Any.pack(_provider_protocol(upstream))},
        transport_socket=_tls(upstream, upstream.ca_file or spec.ca_file) if upstream.tls else None,
    )


def data_plane_cluster(spec: EnvoySpec) -> Cluster:
    http2 = HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=Http2ProtocolOptions())
    return Cluster(
        name=CLUSTER_NAME,
        type=ClusterDiscoveryType.STATIC,
        connect_timeout=_CONNECT_LOCAL,
        # Exchanges differ in length a thousandfold: the worker with the fewest open ones is the idlest.
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        load_assignment=_assignment(CLUSTER_NAME, [Address(pipe=Pipe(path=path)) for path in spec.sockets]),
        circuit_breakers=_wide_open(),
        # gRPC is HTTP/2 only, and a Unix socket has no ALPN to find that out.
        typed_extension_protocol_options={_HTTP_OPTIONS: Any.pack(HttpProtocolOptions(explicit_http_config=http2))},
        health_checks=[_health_check()],
        # With Envoy's default of 50 % a proxy with no healthy worker sends to the dead ones and every request waits.
        common_lb_config=ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=0)),
    )


def _health_check() -> HealthCheck:
    return HealthCheck(
        grpc_health_check=HealthCheckGrpcHealthCheck(),
        timeout=_PROBE,
        interval=_PROBE,
        # Envoy probes an idle cluster once a minute unless told otherwise: too late for the first request.
        no_traffic_interval=_PROBE,
        no_traffic_healthy_interval=_PROBE,
        unhealthy_interval=_PROBE_WHILE_DOWN,
        unhealthy_threshold=2,
        healthy_threshold=1,
    )


def _provider_protocol(upstream: Upstream) -> HttpProtocolOptions:
    if upstream.tls:
        # ALPN decides: HTTP/2 where the provider has it, else HTTP/1.1.
        return HttpProtocolOptions(
            auto_config=HttpProtocolOptionsAutoHttpConfig(
                http_protocol_options=Http1ProtocolOptions(), http2_protocol_options=Http2ProtocolOptions()
            )
        )
    return HttpProtocolOptions(
        explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    )


def _tls(upstream: Upstream, ca_file: str) -> TransportSocket:
    validation = CertificateValidationContext(trusted_ca=DataSource(filename=ca_file))
    if upstream.is_address:
        # An address is no server name, so the certificate must name the address itself.
        validation.match_typed_subject_alt_names = [
            SubjectAltNameMatcher(
                san_type=SubjectAltNameMatcherSanType.IP_ADDRESS, matcher=StringMatcher(exact=upstream.host)
            )
        ]
    context = UpstreamTlsContext(
        sni="" if upstream.is_address else upstream.host,
        # Without it Envoy accepts any certificate that chains to the bundle, whoever it was issued to.
        auto_sni_san_validation=not upstream.is_address,
        common_tls_context=CommonTlsContext(
            tls_params=TlsParameters(tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2),
            validation_context=validation,
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Any.pack(context))


def _assignment(name: str, addresses: list[Address]) -> ClusterLoadAssignment:
    endpoints = [LbEndpoint(endpoint=Endpoint(address=address)) for address in addresses]
    return ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=endpoints)])


def _wide_open() -> CircuitBreakers:
    return CircuitBreakers(
        thresholds=[
            CircuitBreakersThresholds(
                max_connections=_IN_FLIGHT, max_pending_requests=_IN_FLIGHT, max_requests=_IN_FLIGHT
            )
        ]
    )
