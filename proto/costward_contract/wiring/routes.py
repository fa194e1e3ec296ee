"""Routes of one listener: LLM paths through the data plane, everything else straight to its provider."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher

from costward_contract.headers import RESPONSE_HEADERS
from costward_contract.wiring.ext_proc import enabled_on_route
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH, LLM_PATHS, LlmPath
from costward_contract.wiring.spec import BODY_LIMIT_BYTES, EnvoySpec, Upstream

IDLE_TIMEOUT = timedelta(seconds=900)
"""The OpenAI and Anthropic SDKs give up after 600 s, and a reasoning model may send nothing until it is done. The
proxy must not be first, so it waits half as long again; a dead peer is still freed in the end."""

NO_TIMEOUT = timedelta(0)
"""Envoy's 15 s bound on the whole answer would cut nearly every long generation."""

_FORWARDING_HEADERS = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-envoy-internal",
    "x-envoy-external-address",
)
"""Who calls from inside is none of the provider's business."""

_PARAMETERS_BEFORE_A_SLASH = r"[^?;]*;[^?]*/.*"

_REFUSAL = '{"error": {"message": "Write this path without parameters (;).", "type": "invalid_request_error"}}'


def route_configuration(spec: EnvoySpec) -> RouteConfiguration:
    return RouteConfiguration(
        name="costward",
        virtual_hosts=[_virtual_host(spec, upstream) for upstream in spec.upstreams],
        request_headers_to_remove=list(_FORWARDING_HEADERS),
        # Applied to what the provider sent, before the data plane adds its own.
        response_headers_to_remove=list(RESPONSE_HEADERS),
        # Callers name a host with or without the port that they use; both mean the same provider.
        ignore_port_in_host_matching=True,
        # `/v1/chat/completions;x` is the same resource to many servers: it must not be a way around the filter.
        ignore_path_parameters_in_path_matching=True,
    )


def _virtual_host(spec: EnvoySpec, upstream: Upstream) -> VirtualHost:
    return VirtualHost(
        name=upstream.name,
        domains=list(upstream.hosts),
        # By this header the chain of each attempt knows a second one; it ends there.
        include_request_attempt_count=True,
        routes=[
            *(route for path in LLM_PATHS for route in _llm_routes(spec, upstream, path)),
            *_plain_routes(upstream),
        ],
    )


def _llm_routes(spec: EnvoySpec, upstream: Upstream, llm: LlmPath) -> list[Route]:
    name = f"{upstream.name}/{llm.dialect}"
    # Many servers take a closing slash for the same resource, and so does the data plane.
    spellings = ((name, llm.path), (f"{name}/slash", llm.path + "/"))
    return [
        *(_refused(llm, f"{label}/refused", path) for label, path in spellings),
        *(_llm_route(spec, upstream, llm, label, path) for label, path in spellings),
    ]


def _refused(llm: LlmPath, name: str, path: str) -> Route:
    """`/v1;x/chat/completions`: Envoy and many servers match it without its parameters, the data plane reads none that
    stand before a slash and would let it pass uncounted. No client means it."""
    inner = HeaderMatcher(
        name=":path", string_match=StringMatcher(safe_regex=RegexMatcher(regex=_PARAMETERS_BEFORE_A_SLASH))
    )
    return Route(
        name=name,
        match=RouteMatch(path=CLIENT_BASE_PATH + path, headers=[_method(llm), inner]),
        direct_response=DirectResponseAction(status=400, body=DataSource(inline_string=_REFUSAL)),
    )


def _llm_route(spec: EnvoySpec, upstream: Upstream, llm: LlmPath, name: str, path: str) -> Route:
    return Route(
        name=name,
        match=RouteMatch(path=CLIENT_BASE_PATH + path, headers=[_method(llm)]),
        route=_to(upstream, path=upstream.base_path + path),
        typed_per_filter_config=enabled_on_route(spec),
        # Lifts the listener's buffer limit for these routes only; above it a buffered body would be a 413.
        request_body_buffer_limit=BODY_LIMIT_BYTES,
        # The data plane reads answers; asking providers for plain ones saves it the inflating.
        request_headers_to_remove=["accept-encoding"],
    )


def _method(llm: LlmPath) -> HeaderMatcher:
    return HeaderMatcher(name=":method", string_match=StringMatcher(exact=llm.method))


def _plain_routes(upstream: Upstream) -> list[Route]:
    rest = Route(name=f"{upstream.name}/rest", match=RouteMatch(prefix="/"), route=_to(upstream))
    if upstream.base_path == CLIENT_BASE_PATH:
        return [rest]
    below_base = Route(
        name=f"{upstream.name}/other",
        match=RouteMatch(path_separated_prefix=CLIENT_BASE_PATH),
        route=_to(upstream, path=upstream.base_path),
    )
    return [below_base, rest]


def _to(upstream: Upstream, path: str = "") -> RouteAction:
    """`path` replaces what the route matched, where the provider's base path is not the one that callers use."""
    return RouteAction(
        cluster=upstream.name,
        host_rewrite_literal=upstream.authority,
        prefix_rewrite=path if upstream.base_path != CLIENT_BASE_PATH else "",
        timeout=NO_TIMEOUT,
        idle_timeout=IDLE_TIMEOUT,
    )
