"""The generated bootstrap as a plain value: what each route, cluster and limit must be, whatever the spec."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from costward_contract.headers import RESPONSE_HEADERS
from costward_contract.wiring import EnvoySpec, Upstream, envoy_bootstrap, wiring_hash
from costward_contract.wiring.spec import BODY_LIMIT_BYTES
from costward_extproc.core.means import BODY_LIMIT

SPEC = EnvoySpec(upstreams=(Upstream("openai", "https://api.openai.com/v1"),), sockets=("/run/a.sock", "/run/b.sock"))


def manager(spec: EnvoySpec = SPEC) -> dict[str, Any]:
    config: dict[str, Any] = envoy_bootstrap(spec)["static_resources"]["listeners"][0]
    connection_manager: dict[str, Any] = config["filter_chains"][0]["filters"][0]["typed_config"]
    return connection_manager


def routes(spec: EnvoySpec = SPEC) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manager(spec)["route_config"]["virtual_hosts"][0]["routes"]
    return found


def llm_routes(spec: EnvoySpec = SPEC) -> list[dict[str, Any]]:
    return [route for route in routes(spec) if "typed_per_filter_config" in route]


def cluster(name: str, spec: EnvoySpec = SPEC) -> dict[str, Any]:
    return next(c for c in envoy_bootstrap(spec)["static_resources"]["clusters"] if c["name"] == name)


def processor(spec: EnvoySpec = SPEC) -> dict[str, Any]:
    found: dict[str, Any] = manager(spec)["http_filters"][0]["typed_config"]
    return found


def test_the_filter_is_off_unless_a_route_enables_it() -> None:
    assert manager()["http_filters"][0]["disabled"] is True
    assert [route["name"] for route in llm_routes()] == ["openai/reads", "openai/calls"]


def test_whatever_goes_to_a_provider_goes_by_the_data_plane() -> None:
    other = EnvoySpec((Upstream("azure", "https://a.example/openai/v1"),), ("/run/a.sock",))
    for spec in (SPEC, other):
        assert llm_routes(spec) == routes(spec)
        assert routes(spec)[-1]["match"] == {"prefix": "/"}


def test_reads_pass_while_the_data_plane_is_gone_and_websockets_are_no_reads() -> None:
    closed = dataclasses.replace(SPEC, failure_mode_allow=False)
    reads, calls = llm_routes(closed)
    allows = [
        route["typed_per_filter_config"]["costward.ext_proc"]["config"]["overrides"].get("failure_mode_allow", False)
        for route in (reads, calls)
    ]
    assert allows == [True, False]
    assert [header["name"] for header in reads["match"]["headers"]] == [":method", "upgrade"]


def test_llm_routes_lift_the_body_limit_and_wait_for_long_answers() -> None:
    llm = llm_routes()[0]
    # The data plane's own limit: were Envoy's lower, a body in between would be a 413.
    assert llm["request_body_buffer_limit"] == BODY_LIMIT_BYTES == BODY_LIMIT
    assert llm["route"]["timeout"] == "0s"
    assert float(llm["route"]["idle_timeout"].rstrip("s")) > 600


def test_the_data_plane_hears_of_request_headers_only_until_it_asks_for_more() -> None:
    mode = processor()["processing_mode"]
    assert (mode["request_header_mode"], mode["response_header_mode"]) == ("SEND", "SKIP")
    assert "request_body_mode" not in mode  # NONE is the zero value
    assert "response_body_mode" not in mode
    assert processor()["allow_mode_override"] is True
    assert processor()["message_timeout"] == "1s"


def test_no_attribute_is_asked_for_because_whole_nodes_cost_80_kb_a_request() -> None:
    assert "request_attributes" not in processor()


@pytest.mark.parametrize("name", ["openai", "costward_extproc"])
def test_envoys_default_of_1024_requests_is_lifted(name: str) -> None:
    thresholds = cluster(name)["circuit_breakers"]["thresholds"][0]
    assert min(thresholds["max_connections"], thresholds["max_pending_requests"], thresholds["max_requests"]) > 1_024


def test_every_socket_is_an_endpoint_of_one_cluster_that_never_panics() -> None:
    found = cluster("costward_extproc")
    endpoints = found["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert [e["endpoint"]["address"]["pipe"]["path"] for e in endpoints] == ["/run/a.sock", "/run/b.sock"]
    assert found["common_lb_config"]["healthy_panic_threshold"] == {}
    assert found["health_checks"][0]["grpc_health_check"] == {}


def test_our_headers_are_removed_in_both_directions_after_the_data_plane_has_read_them() -> None:
    assert set(RESPONSE_HEADERS) <= set(manager()["route_config"]["response_headers_to_remove"])
    names = [http_filter["name"] for http_filter in manager()["http_filters"]]
    assert names == ["costward.ext_proc", "costward.own_headers", "envoy.filters.http.router"]
    removal = manager()["http_filters"][1]["typed_config"]["mutations"]["request_mutations"][0]
    assert removal["remove_on_match"]["key_matcher"] == {"prefix": "x-costward-"}


@pytest.mark.parametrize("allow", [True, False])
def test_the_failure_mode_is_the_same_on_filter_and_on_the_route_of_calls(allow: bool) -> None:
    spec = dataclasses.replace(SPEC, failure_mode_allow=allow)
    override = llm_routes(spec)[-1]["typed_per_filter_config"]["costward.ext_proc"]["config"]["overrides"]
    assert override["failure_mode_allow"] is allow
    assert processor(spec).get("failure_mode_allow", False) is allow


def test_a_providers_certificate_is_checked_for_its_name() -> None:
    tls = cluster("openai")["transport_socket"]["typed_config"]
    assert tls["sni"] == "api.openai.com"
    assert tls["auto_sni_san_validation"] is True
    assert tls["common_tls_context"]["validation_context"]["trusted_ca"]["filename"]


def test_a_provider_by_address_must_name_the_address() -> None:
    spec = dataclasses.replace(SPEC, upstreams=(Upstream("lan", "https://10.0.0.7:8443"),))
    tls = cluster("lan", spec)["transport_socket"]["typed_config"]
    names = tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
    assert "sni" not in tls
    assert names == [{"san_type": "IP_ADDRESS", "matcher": {"exact": "10.0.0.7"}}]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1", "api.openai.com"),
        ("http://localhost:8090", "localhost:8090"),
        ("https://llm.example:8443/x", "llm.example:8443"),
        ("http://[::1]:8090", "[::1]:8090"),
    ],
)
def test_the_provider_sees_its_own_host_name(url: str, host: str) -> None:
    spec = dataclasses.replace(SPEC, upstreams=(Upstream("a", url),))
    assert {route["route"]["host_rewrite_literal"] for route in routes(spec) if "route" in route} == {host}


def test_there_is_no_admin_port_unless_asked_for_and_then_on_loopback() -> None:
    assert "admin" not in envoy_bootstrap(SPEC)
    admin = envoy_bootstrap(dataclasses.replace(SPEC, admin_port=9901))["admin"]
    assert admin["address"]["socket_address"]["address"] == "127.0.0.1"


def test_same_spec_same_bytes_and_the_hash_follows_every_change() -> None:
    assert json.dumps(envoy_bootstrap(SPEC)) == json.dumps(envoy_bootstrap(SPEC))
    changed = [
        dataclasses.replace(SPEC, failure_mode_allow=False),
        dataclasses.replace(SPEC, listen_port=1),
        dataclasses.replace(SPEC, sockets=("/run/a.sock",)),
    ]
    assert len({wiring_hash(spec) for spec in (SPEC, *changed)}) == 4
