"""Routes of one listener: whatever goes to a provider goes by the data plane."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from envoy_data_plane.envoy.config.route.v3 import (
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
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH
from costward_contract.wiring.spec import BODY_LIMIT_BYTES, EnvoySpec, Upstream

IDLE_TIMEOUT = timedelta(seconds=900)
"""The OpenAI and Anthropic SDKs give up after 600 s, and a reasoning model may send nothing until it is done. The
proxy must not be first, so it waits half as long again; a dead peer is still freed in the end."""

NO_TIMEOUT = timedelta(0)
"""Envoy's 15 s bound on the whole answer would cut nearly every long generation."""

FORWARDING_HEADERS = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-envoy-internal",
    "x-envoy-external-address",
)
"""Who calls from inside is none of the provider's business."""

READS = HeaderMatcher(
    name=":method", string_match=StringMatcher(safe_regex=RegexMatcher(regex="GET|HEAD|OPTIONS|DELETE"))
)
NO_UPGRADE = HeaderMatcher(name="upgrade", present_match=True, invert_match=True)
"""A WebSocket begins as a GET, and may cost as much as any call."""


def route_configuration(spec: EnvoySpec) -> RouteConfiguration:
    return RouteConfiguration(
        name="costward",
        virtual_hosts=[_virtual_host(spec, upstream) for upstream in spec.upstreams],
        request_headers_to_remove=list(FORWARDING_HEADERS),
        # Applied to what the provider sent, before the data plane adds its own.
        response_headers_to_remove=list(RESPONSE_HEADERS),
        # Callers name a host with or without the port that they use; both mean the same provider.
        ignore_port_in_host_matching=True,
        # `/v1;x/chat/completions` is the same resource to many servers: it must find the same route.
        ignore_path_parameters_in_path_matching=True,
    )


def _virtual_host(spec: EnvoySpec, upstream: Upstream) -> VirtualHost:
    return VirtualHost(
        name=upstream.name,
        domains=list(upstream.hosts),
        # By this header the chain of each attempt knows a second one; it ends there.
        include_request_attempt_count=True,
        routes=_routes(spec, upstream),
    )


def _routes(spec: EnvoySpec, upstream: Upstream) -> list[Route]:
    """Everything goes by the data plane, which tells by the path what it is: a list of paths here would be a second
    one, and every spelling that it misses a way around the caps."""
    everywhere = _calls_and_reads(spec, upstream, upstream.name, RouteMatch(prefix="/"), "")
    if upstream.base_path == CLIENT_BASE_PATH:
        return everywhere
    below = RouteMatch(path_separated_prefix=CLIENT_BASE_PATH)
    return [
        *_calls_and_reads(spec, upstream, upstream.name + CLIENT_BASE_PATH, below, upstream.base_path),
        *everywhere,
    ]


def _calls_and_reads(spec: EnvoySpec, upstream: Upstream, name: str, match: RouteMatch, base: str) -> list[Route]:
    """What only reads costs nothing, so it passes whenever the data plane is gone, also where calls are refused."""
    return [
        _route(upstream, f"{name}/reads", replace(match, headers=[READS, NO_UPGRADE]), base, fails_open=True),
        _route(upstream, f"{name}/calls", match, base, fails_open=spec.failure_mode_allow),
    ]


def _route(upstream: Upstream, name: str, match: RouteMatch, base: str, fails_open: bool) -> Route:
    return Route(
        name=name,
        match=match,
        route=_to(upstream, base),
        typed_per_filter_config=enabled_on_route(fails_open),
        # Lifts the listener's buffer limit; above it a buffered body would be a 413.
        request_body_buffer_limit=BODY_LIMIT_BYTES,
    )


def _to(upstream: Upstream, base: str) -> RouteAction:
    """`base` replaces what the route matched, where the provider's base path is not the one that callers use."""
    return RouteAction(
        cluster=upstream.name,
        host_rewrite_literal=upstream.authority,
        prefix_rewrite=base,
        timeout=NO_TIMEOUT,
        idle_timeout=IDLE_TIMEOUT,
    )
