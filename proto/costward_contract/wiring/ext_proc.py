"""The ext_proc filters: one off by default and on for LLM routes, silent until the data plane asks for more; one for
second attempts."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutationRules
from envoy_data_plane.envoy.config.core.v3 import GrpcService, GrpcServiceEnvoyGrpc, HeaderValue
from envoy_data_plane.envoy.config.route.v3 import FilterConfig
from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import (
    ExternalProcessor,
    ExtProcOverrides,
    ExtProcPerRoute,
    MetadataOptions,
    MetadataOptionsMetadataNamespaces,
    ProcessingMode,
    ProcessingModeBodySendMode,
    ProcessingModeHeaderSendMode,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher
from envoy_data_plane.google.protobuf import Any

from costward_contract.metadata import (
    ATTEMPTS,
    CAPABILITIES,
    FAILED,
    RETRY,
    SECOND,
    SIDE,
    TICKET,
    WIRING,
    WIRING_HASH,
    WIRING_VERSION,
)
from costward_contract.wiring.spec import BODY_LIMIT_BYTES, Hop

FILTER_NAME = "costward.ext_proc"
CLUSTER_NAME = "costward_extproc"

OWN_HEADERS = "x-costward-"

ABILITIES = ("standalone-override", RETRY)
"""standalone-override: Envoy 1.40 takes a reply that carries only a mode override, before the headers reply: a data
plane may then read bodies above the limit in FULL_DUPLEX_STREAMED while their headers are held. Announced for later."""

MESSAGE_TIMEOUT = timedelta(seconds=1)
"""The promise for a hung data plane: a caller waits at most this long before its request goes on. Envoy's own 200 ms
would let one slow embedding open the gate."""

MAX_MESSAGE_TIMEOUT = timedelta(seconds=5)
"""How far the data plane may stretch one message on purpose; without a maximum Envoy ignores the wish. Five seconds
is below what a person takes for a dead connection."""


_HEADERS_CHANGED = (
    f"({OWN_HEADERS}|x-envoy-(retr|max-r|upstream-rq-p)|x-should|retry-a|age|cache-s|content-[elt]|accept-e|etag).*"
)
"""All that the data plane ever sets or removes on requests and answers. A data plane that was taken over can then not
send a request elsewhere, nor touch a credential. The rules hold for answers of our own (ImmediateResponse) too: their
content-type, x-should-retry, retry-after, age and cache-status. Some names are cut short because Envoy refuses a regex
of more than 100 instructions."""


_STARTED = ("x-costward-started", "%EMIT_TIME(%s.%6f)%")
"""How long an exchange has waited for the data plane is seen from outside alone; it sheds work by it. The time at which
the proxy turns to us, not START_TIME: that is the first byte of the request, so callers who send their headers slowly
would look like a queue, and a queue goes around caps."""


def ext_proc_filter(hop: Hop, digest: str) -> HttpFilter:
    """`digest`: hash of the whole wiring, announced so that the data plane can tell who runs an old one."""
    processor = ExternalProcessor(
        # Not on a second attempt: what an exchange waited for its provider is not what it waited for us.
        grpc_service=_service(hop, (*_announcement(digest), _STARTED)),
        failure_mode_allow=hop.failure_mode_allow,
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
        # By default Envoy would take nearly every header from us, and none of its own that ask for a retry.
        mutation_rules=_only(_HEADERS_CHANGED),
        # What is not listed here is dropped silently, in either direction.
        metadata_options=_metadata(written=[TICKET], read=[FAILED, SECOND]),
        # Also an attempt that nobody of ours saw counts; a header with it would reach callers while we are down.
        response_attributes=[ATTEMPTS],
        request_attributes=list(hop.request_attributes),
        stat_prefix="costward",
    )
    # Disabled costs nothing on other routes; a route enables it with its own FilterConfig.
    return HttpFilter(name=FILTER_NAME, typed_config=Any.pack(processor), disabled=True)


def retry_processor(hop: Hop, digest: str) -> ExternalProcessor:
    """For the chain of a provider's cluster: reads the body of a second attempt again and may change it."""
    return ExternalProcessor(
        grpc_service=_service(hop, (*_announcement(digest), (SIDE, "upstream"))),
        # Without us the second attempt is the first one again.
        failure_mode_allow=hop.failure_mode_allow,
        processing_mode=ProcessingMode(
            # The headers are of no use to us and must be sent all the same: with SKIP an upstream chain does not wait
            # for the reply to the body, and a body above the connection's buffer crashes Envoy (seen on 1.40).
            request_header_mode=ProcessingModeHeaderSendMode.SEND,
            # Read again from Envoy's retry buffer: whichever worker this reaches needs nothing of the first.
            request_body_mode=ProcessingModeBodySendMode.BUFFERED,
            response_header_mode=ProcessingModeHeaderSendMode.SKIP,
            response_body_mode=ProcessingModeBodySendMode.NONE,
            request_trailer_mode=ProcessingModeHeaderSendMode.SKIP,
            response_trailer_mode=ProcessingModeHeaderSendMode.SKIP,
        ),
        message_timeout=MESSAGE_TIMEOUT,
        mutation_rules=_only("content-[el].*"),
        metadata_options=_metadata(written=[SECOND], read=[TICKET, FAILED]),
        stat_prefix="costward_retry",
    )


def _service(hop: Hop, announcement: tuple[tuple[str, str], ...]) -> GrpcService:
    return GrpcService(
        # Without Envoy's own x-forwarded-for and x-envoy-internal: they look like identity and are not.
        envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=hop.cluster, skip_envoy_headers=True),
        # The service's own `timeout` stays unset: it does not bound an ext_proc stream, and a stream lives as long as
        # its exchange. No retry policy either: a repeated message would be decided and reserved for twice.
        initial_metadata=[HeaderValue(key=k, value=v) for k, v in announcement],
    )


def _only(names: str) -> HeaderMutationRules:
    # An allow_expression outweighs disallow_all, also for x-envoy-* names.
    return HeaderMutationRules(disallow_all=True, allow_expression=RegexMatcher(regex=names))


def _metadata(*, written: list[str], read: list[str]) -> MetadataOptions:
    return MetadataOptions(
        receiving_namespaces=MetadataOptionsMetadataNamespaces(untyped=written),
        forwarding_namespaces=MetadataOptionsMetadataNamespaces(untyped=read),
    )


def enabled_on_route(failure_mode_allow: bool) -> dict[str, Any]:
    """What a route's `typed_per_filter_config` must hold to switch the filter on. `failure_mode_allow`: whether its
    requests pass while the data plane is gone."""
    # The override is not empty on purpose: istiod rejects an empty one, and the flag belongs to the route.
    override = ExtProcPerRoute(overrides=ExtProcOverrides(failure_mode_allow=failure_mode_allow))
    return {FILTER_NAME: Any.pack(FilterConfig(config=Any.pack(override)))}


def _announcement(digest: str) -> tuple[tuple[str, str], ...]:
    return (
        (WIRING, WIRING_VERSION),
        (WIRING_HASH, digest),
        (CAPABILITIES, ",".join(ABILITIES)),
        ("x-costward-body-limit", str(BODY_LIMIT_BYTES)),
    )
