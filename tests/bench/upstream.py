"""An Envoy that answers by itself, in every dialect: nothing lighter speaks HTTP here."""

from __future__ import annotations

import json
from typing import Any

from tests.bench.answers import CHAT, MESSAGE, RESPONSE, embeddings

READ_WHOLE = "whole"
"""With this in its query a request is read to its end before it is answered, as providers do; otherwise its headers are
enough, which for a body of one packet makes no difference."""

EMBEDDINGS = 32
"""How many vectors answer a request with several inputs; `several` in the query asks for them."""

_MOST_BYTES = 8_000_000
"""Above the largest request body and the largest answer of a benchmark."""
_KINDS = "type.googleapis.com/envoy.extensions.filters"


def answering_envoy(port: int) -> dict[str, Any]:
    """The bootstrap of an Envoy that listens on `port`."""
    routes = [
        _route("/v1/messages", MESSAGE),
        _route("/v1/responses", RESPONSE),
        _route("/v1/embeddings", embeddings(EMBEDDINGS), query="several"),
        _route("/v1/embeddings", embeddings(1)),
        _route("/", CHAT, query=READ_WHOLE),
        _route("/", CHAT),
    ]
    manager = {
        "@type": f"{_KINDS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "upstream",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
            "max_direct_response_body_size_bytes": _MOST_BYTES,
        },
        "http_filters": [
            {"name": "buffer", "typed_config": _buffer(), "disabled": True},
            {"name": "router", "typed_config": {"@type": f"{_KINDS}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "upstream",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}


def _route(prefix: str, answer: dict[str, Any], query: str | None = None) -> dict[str, Any]:
    """Every route but the plainest reads whole bodies."""
    match: dict[str, Any] = {"prefix": prefix}
    if query is not None:
        match["query_parameters"] = [{"name": query, "present_match": True}]
    json_type = {"key": "content-type", "value": "application/json"}
    route: dict[str, Any] = {
        "match": match,
        "direct_response": {"status": 200, "body": {"inline_string": json.dumps(answer)}},
        "response_headers_to_add": [{"header": json_type, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }
    if prefix != "/" or query is not None:
        enabled = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": _per_route()}
        route["typed_per_filter_config"] = {"buffer": enabled}
    return route


def _buffer() -> dict[str, Any]:
    return {"@type": f"{_KINDS}.http.buffer.v3.Buffer", "max_request_bytes": _MOST_BYTES}


def _per_route() -> dict[str, Any]:
    limit = {"max_request_bytes": _MOST_BYTES}
    return {"@type": f"{_KINDS}.http.buffer.v3.BufferPerRoute", "buffer": limit}
