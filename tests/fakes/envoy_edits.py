"""What a hand-written Envoy config would say in the places where ours says something on purpose: each an edit of the
shipped bootstrap, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from costward_contract.wiring.ext_proc import CLUSTER_NAME, FILTER_NAME

Edit = Callable[[dict[str, Any]], None]


def filters(bootstrap: dict[str, Any]) -> list[dict[str, Any]]:
    """The listener's HTTP filters, in order."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[dict[str, Any]] = manager["http_filters"]
    return found


def processor(bootstrap: dict[str, Any]) -> dict[str, Any]:
    """The typed_config of our ext_proc filter."""
    found: dict[str, Any]
    (found,) = [each["typed_config"] for each in filters(bootstrap) if each["name"] == FILTER_NAME]
    return found


def routes(bootstrap: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those on which our filter is on."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    for host in manager["route_config"]["virtual_hosts"]:
        yield from (route for route in host["routes"] if FILTER_NAME in route.get("typed_per_filter_config", {}))


def cluster(bootstrap: dict[str, Any]) -> dict[str, Any]:
    """The data plane's."""
    found: dict[str, Any]
    (found,) = [each for each in bootstrap["static_resources"]["clusters"] if each["name"] == CLUSTER_NAME]
    return found


def several(*edits: Edit) -> Edit:
    def edit(bootstrap: dict[str, Any]) -> None:
        for each in edits:
            each(bootstrap)

    return edit


def with_processor(**fields: Any) -> Edit:
    """These fields of the filter; None takes one away."""

    def edit(bootstrap: dict[str, Any]) -> None:
        config = processor(bootstrap)
        config.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del config[name]

    return edit


def unruled(bootstrap: dict[str, Any]) -> None:
    """A server may change any header that Envoy lets it change by default."""
    processor(bootstrap).pop("mutation_rules", None)


def closed(bootstrap: dict[str, Any]) -> None:
    """The filter fails closed."""
    processor(bootstrap)["failure_mode_allow"] = False
    for route in routes(bootstrap):
        route["typed_per_filter_config"][FILTER_NAME]["config"]["overrides"]["failure_mode_allow"] = False


def static_modes(**modes: str) -> Edit:
    """The filter's own modes instead of headers only."""

    def edit(bootstrap: dict[str, Any]) -> None:
        processor(bootstrap)["processing_mode"].update(modes)

    return edit


def body_limit(limit: int | None) -> Edit:
    """Of the LLM routes, and of the listener if given; None: the listener's own."""

    def edit(bootstrap: dict[str, Any]) -> None:
        if limit is not None:
            bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = limit
        for route in routes(bootstrap):
            route.pop("request_body_buffer_limit", None)

    return edit


def unannounced(bootstrap: dict[str, Any]) -> None:
    """An older proxy: its wiring announces no capability, so the data plane must ask for nothing but the old modes."""
    metadata = processor(bootstrap)["grpc_service"]["initial_metadata"]
    metadata[:] = [entry for entry in metadata if entry["key"] != "x-costward-capabilities"]


def default_bounds(bootstrap: dict[str, Any]) -> None:
    """Envoy's own circuit breakers."""
    for each in bootstrap["static_resources"]["clusters"]:
        each.pop("circuit_breakers", None)
