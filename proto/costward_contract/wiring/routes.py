"""Routes of one listener: LLM paths through the data plane, everything else straight to its provider."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    Route,
    RouteAction,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher

from costward_contract.headers import REQUEST_HEADERS, RESPONSE_HEADERS
from costward_contract.wiring.ext_proc import enabled_on_route
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH, LLM_PATHS, LlmPath
from costward_contract.wiring.spec import EnvoySpec, Upstream

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


def route_configuration(spec: EnvoySpec) -> RouteConfiguration:
    return RouteConfiguration(
        name="costward",
        virtual_hosts=[_virtual_host(spec, upstream) for upstream in spec.upstreams],
        # The router applies these after the data plane has read them, and also when the data plane is down.
        request_headers_to_remove=[*REQUEST_HEADERS, *_FORWARDING_HEADERS],
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
        routes=[*(_llm_route(spec, upstream, path) for path in LLM_PATHS), *_plain_routes(upstream)],
    )


def _llm_route(spec: EnvoySpec, upstream: Upstream, llm: LlmPath) -> Route:
    return Route(
        name=f"{upstream.name}/{llm.dialect}",
        match=RouteMatch(
            path=CLIENT_BASE_PATH + llm.path,
            headers=[HeaderMatcher(name=":method", string_match=StringMatcher(exact=llm.method))],
        ),
        route=_to(upstream, path=upstream.base_path + llm.path),
        typed_per_filter_config=enabled_on_route(spec),
        # Lifts the listener's buffer limit for these routes only; above it a buffered body would be a 413.
        request_body_buffer_limit=spec.body_limit_bytes,
        # The data plane reads answers; asking providers for plain ones saves it the inflating.
        request_headers_to_remove=["accept-encoding"],
    )


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
