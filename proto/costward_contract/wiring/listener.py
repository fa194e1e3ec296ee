"""The listener that callers reach: a forward port for providers, not an edge to the internet."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.config.core.v3 import Address, Http2ProtocolOptions, SocketAddress, TypedExtensionConfig
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation as HeaderMutationFilter
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import Mutations
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpConnectionManagerUpgradeConfig,
    HttpFilter,
)
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from costward_contract.wiring.clusters import plain_hop
from costward_contract.wiring.ext_proc import ext_proc_filter
from costward_contract.wiring.routes import IDLE_TIMEOUT, route_configuration
from costward_contract.wiring.spec import MIB, EnvoySpec

LISTENER_NAME = "costward"

_REQUEST_HEADERS_TIMEOUT = timedelta(seconds=10)
"""A caller that has not finished its headers by then never will; it must not hold a connection for ever."""


_STREAMS = 10_000
"""Exchanges on one HTTP/2 connection of a caller, such as a gateway's. Envoy's default of 1,024 would hold back the
rest of 2,000 long streams."""


def listener(spec: EnvoySpec, digest: str) -> Listener:
    return Listener(
        name=LISTENER_NAME,
        address=Address(socket_address=SocketAddress(address=spec.listen_address, port_value=spec.listen_port)),
        # Bounds memory per connection and so the size of response chunks; LLM routes lift it for request bodies.
        per_connection_buffer_limit_bytes=MIB,
        filter_chains=[
            FilterChain(
                filters=[
                    Filter(
                        name="envoy.filters.network.http_connection_manager",
                        typed_config=Any.pack(_connection_manager(spec, digest)),
                    )
                ]
            )
        ],
    )


def _connection_manager(spec: EnvoySpec, digest: str) -> HttpConnectionManager:
    # No access log: paths can carry keys in their query, and the data plane writes one line per exchange.
    return HttpConnectionManager(
        stat_prefix="costward",
        route_config=route_configuration(spec),
        http_filters=[
            ext_proc_filter(plain_hop(spec), digest),
            own_headers_filter(),
            # The provider needs none of Envoy's own headers, and they would tell it how we are built.
            HttpFilter(name="envoy.filters.http.router", typed_config=Any.pack(Router(suppress_envoy_headers=True))),
        ],
        # HTTP/1.1 or HTTP/2, with prior knowledge: the first bytes tell.
        codec_type=HttpConnectionManagerCodecType.AUTO,
        http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=_STREAMS),
        early_header_mutation_extensions=[_forget_callers_controls()],
        use_remote_address=True,
        skip_xff_append=True,
        # Spellings of one path must not lead around the filter: dot segments, double and escaped slashes.
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD,
        # Non-LLM traffic passes as it came; realtime APIs upgrade to WebSocket.
        upgrade_configs=[HttpConnectionManagerUpgradeConfig(upgrade_type="websocket")],
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
        stream_idle_timeout=IDLE_TIMEOUT,
        request_headers_timeout=_REQUEST_HEADERS_TIMEOUT,
    )


def _forget_callers_controls() -> TypedExtensionConfig:
    """With `x-envoy-*` request headers a caller could shorten time-outs or ask for retries that nobody accounts for."""
    controls = HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix="x-envoy-"))
    mutation = EarlyHeaderMutation(mutations=[HeaderMutation(remove_on_match=controls)])
    return TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation", typed_config=Any.pack(mutation)
    )


def own_headers_filter() -> HttpFilter:
    """After the data plane's filter, which must read them, and of no need of it: works when it is down, on all routes,
    and for names that no version of ours knows."""
    ours = HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix="x-costward-"))
    mutations = Mutations(request_mutations=[HeaderMutation(remove_on_match=ours)])
    return HttpFilter(name="costward.own_headers", typed_config=Any.pack(HeaderMutationFilter(mutations=mutations)))
