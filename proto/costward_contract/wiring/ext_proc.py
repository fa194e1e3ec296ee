"""The ext_proc filter: off by default, on for LLM routes, and silent until the data plane asks for more."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import GrpcService, GrpcServiceEnvoyGrpc, HeaderValue
from envoy_data_plane.envoy.config.route.v3 import FilterConfig
from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import (
    ExternalProcessor,
    ExtProcOverrides,
    ExtProcPerRoute,
    ProcessingMode,
    ProcessingModeBodySendMode,
    ProcessingModeHeaderSendMode,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from costward_contract.wiring.spec import BODY_LIMIT_BYTES, WIRING_VERSION, EnvoySpec

FILTER_NAME = "costward.ext_proc"
CLUSTER_NAME = "costward_extproc"

CAPABILITIES = ("standalone-override",)
"""Envoy 1.40 takes a reply that carries only a mode override, before the headers reply: a data plane may then read
bodies above the limit in FULL_DUPLEX_STREAMED while their headers are held. For later: nothing uses it yet."""

MESSAGE_TIMEOUT = timedelta(seconds=1)
"""The promise for a hung data plane: a caller waits at most this long before its request goes on. Envoy's own 200 ms
would let one slow embedding open the gate."""

MAX_MESSAGE_TIMEOUT = timedelta(seconds=5)
"""How far the data plane may stretch one message on purpose; without a maximum Envoy ignores the wish. Five seconds
is below what a person takes for a dead connection."""


def ext_proc_filter(spec: EnvoySpec, digest: str) -> HttpFilter:
    """`digest`: hash of the whole wiring, announced so that the data plane can tell who runs an old one."""
    processor = ExternalProcessor(
        grpc_service=GrpcService(
            # Without Envoy's own x-forwarded-for and x-envoy-internal: they look like identity and are not.
            envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=CLUSTER_NAME, skip_envoy_headers=True),
            # The service's own `timeout` stays unset: it does not bound an ext_proc stream, and a stream lives as
            # long as its exchange.
            initial_metadata=[HeaderValue(key=k, value=v) for k, v in _announcement(digest)],
        ),
        failure_mode_allow=spec.failure_mode_allow,
        # One message for an exchange that nobody cares about; the reply to it asks for the body where it matters.
        # A static mode that is wider cannot be overridden down in every case.
        processing_mode=ProcessingMode(
            request_header_mode=ProcessingModeHeaderSendMode.SEND,
            response_header_mode=ProcessingModeHeaderSendMode.SKIP,
            request_body_mode=ProcessingModeBodySendMode.NONE,
            response_body_mode=ProcessingModeBodySendMode.NONE,
            request_trailer_mode=ProcessingModeHeaderSendMode.SKIP,
            response_trailer_mode=ProcessingModeHeaderSendMode.SKIP,
        ),
        allow_mode_override=True,
        message_timeout=MESSAGE_TIMEOUT,
        max_message_timeout=MAX_MESSAGE_TIMEOUT,
        stat_prefix="costward",
    )
    # Disabled costs nothing on other routes; a route enables it with its own FilterConfig.
    return HttpFilter(name=FILTER_NAME, typed_config=Any.pack(processor), disabled=True)


def enabled_on_route(spec: EnvoySpec) -> dict[str, Any]:
    """What a route's `typed_per_filter_config` must hold to switch the filter on."""
    # The override is not empty on purpose: istiod rejects an empty one, and the flag belongs to the route.
    override = ExtProcPerRoute(overrides=ExtProcOverrides(failure_mode_allow=spec.failure_mode_allow))
    return {FILTER_NAME: Any.pack(FilterConfig(config=Any.pack(override)))}


def _announcement(digest: str) -> tuple[tuple[str, str], ...]:
    return (
        ("x-costward-wiring", WIRING_VERSION),
        ("x-costward-wiring-hash", digest),
        ("x-costward-capabilities", ",".join(CAPABILITIES)),
        ("x-costward-body-limit", str(BODY_LIMIT_BYTES)),
    )
