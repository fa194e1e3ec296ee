"""The objects for Istio: every knob that a measured trap asks for, in each of the three positions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from costward_contract.wiring import WiringError
from costward_contract.wiring.catalogue import CATALOGUE, Provider, azure_openai, named
from costward_contract.wiring.istio import istio_hash, istio_objects, sidecar_egress_hosts
from costward_contract.wiring.mesh import MeshSpec, Position

POSITIONS: tuple[Position, ...] = get_args(Position)
PROVIDERS = named(["openai", "groq"])


def spec(position: Position = "sidecar", **more: Any) -> MeshSpec:
    return MeshSpec(position, PROVIDERS, **more)


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def envoy_filter(asked: MeshSpec) -> dict[str, Any]:
    (found,) = [o for o in istio_objects(asked) if o["kind"] == "EnvoyFilter"]
    return found


def patches(asked: MeshSpec, apply_to: str) -> list[dict[str, Any]]:
    found = envoy_filter(asked)["spec"]["configPatches"]
    return [patch for patch in found if patch["applyTo"] == apply_to]


def routes(asked: MeshSpec, host: str) -> dict[str, dict[str, Any]]:
    """By name, in the order in which Envoy asks them."""
    values = [p["patch"]["value"] for p in reversed(patches(asked, "HTTP_ROUTE"))]
    return {v["name"]: v for v in values if v["name"].startswith((f"costward/{host}/", f"costward/{host}/v1"))}


@pytest.mark.parametrize("position", POSITIONS)
def test_the_three_filters_run_in_this_order(position: Position) -> None:
    found = patches(spec(position), "HTTP_FILTER")

    assert {p["patch"]["operation"] for p in found} == {"INSERT_BEFORE"}
    assert [p["patch"]["value"]["name"] for p in found] == [
        "costward.callers_controls",
        "costward.ext_proc",
        "costward.own_headers",
    ]
    assert [p["patch"]["value"].get("disabled", False) for p in found] == [True, True, False]


@pytest.mark.parametrize("position", POSITIONS)
def test_alias_and_provider_host_are_both_wired(position: Position) -> None:
    asked = spec(position)

    for provider in PROVIDERS:
        for host in (asked.alias(provider), provider.host):
            assert any(name.endswith("/calls") for name in routes(asked, host)), host


@pytest.mark.parametrize("position", POSITIONS)
def test_no_override_is_empty(position: Position) -> None:
    for patch in patches(spec(position), "HTTP_ROUTE"):
        for config in patch["patch"]["value"]["typed_per_filter_config"].values():
            assert config["config"]["@type"]


def test_reads_are_asked_first_and_fail_open() -> None:
    found = routes(spec(closed=frozenset({"openai"})), "api.openai.com")

    assert [name.rsplit("/")[-1] for name in found] == ["reads", "calls"]
    flags = [
        r["typed_per_filter_config"]["costward.ext_proc"]["config"]["overrides"]["failure_mode_allow"]
        for r in found.values()
    ]
    assert flags == [True, False]


def test_one_closed_provider_closes_no_other() -> None:
    (calls,) = [
        r for n, r in routes(spec(closed=frozenset({"openai"})), "api.groq.com").items() if n.endswith("/calls")
    ]

    assert calls["typed_per_filter_config"]["costward.ext_proc"]["config"]["overrides"]["failure_mode_allow"] is True


def test_a_route_lets_long_bodies_and_long_answers_through() -> None:
    for route in routes(spec(), "api.openai.com").values():
        assert route["request_body_buffer_limit"] == 32 * 1024 * 1024
        assert (route["route"]["timeout"], route["route"]["idle_timeout"]) == ("0s", "900s")
        assert "retry_policy" not in route["route"]


def test_callers_of_an_alias_need_not_know_the_base_path() -> None:
    asked = spec()
    found = list(routes(asked, asked.alias(PROVIDERS[1])).values())

    assert found[0]["match"]["path_separated_prefix"] == "/v1"
    assert found[0]["route"]["prefix_rewrite"] == "/openai/v1"
    assert "prefix_rewrite" not in found[-1]["route"]
    rewritten = one(istio_objects(asked), "VirtualService", "groq")["spec"]["http"][0]["rewrite"]
    assert rewritten == {"authority": "api.groq.com", "uri": "/openai/v1/"}


@pytest.mark.parametrize("position", POSITIONS)
def test_each_virtual_host_counts_attempts(position: Position) -> None:
    found = patches(spec(position), "VIRTUAL_HOST")

    assert len(found) == 2 * len(PROVIDERS)
    assert all(p["patch"]["value"] == {"include_request_attempt_count": True} for p in found)


@pytest.mark.parametrize("position", POSITIONS)
def test_a_providers_protocol_options_are_complete(position: Position) -> None:
    provider = patches(spec(position), "CLUSTER")[0]
    (options,) = provider["patch"]["value"]["typed_extension_protocol_options"].values()

    assert provider["match"]["cluster"]["name"] == "outbound|80||api.openai.com"
    assert set(options["auto_config"]) == {"http_protocol_options", "http2_protocol_options"}
    assert options["http_filters"][-1]["name"] == "envoy.filters.http.upstream_codec"


@pytest.mark.parametrize("position", POSITIONS)
def test_the_data_planes_cluster_is_probed_and_never_panics(position: Position) -> None:
    asked = spec(position)
    found = patches(asked, "CLUSTER")[-1]

    assert found["match"]["cluster"]["name"] == asked.hop.cluster
    assert found["patch"]["value"]["health_checks"][0]["grpc_health_check"] == {}
    assert found["patch"]["value"]["common_lb_config"]["update_merge_window"] == "0s"


@pytest.mark.parametrize("position", ["gateway", "waypoint"])
def test_gateways_and_waypoints_are_given_the_data_planes_cluster(position: Position) -> None:
    metadata = envoy_filter(spec(position))["metadata"]

    named_there = metadata["annotations"]["envoyfilter.istio.io/referenced-services"].split(",")
    assert "costward-system/costward-extproc.costward-system.svc.cluster.local" in named_there
    assert "costward-system/api.openai.com" in named_there


def test_a_restricted_sidecar_must_list_every_host() -> None:
    hosts = sidecar_egress_hosts(spec())

    assert hosts[0].endswith("/costward-extproc.costward-system.svc.cluster.local")
    assert {"costward-system/api.openai.com", "costward-system/openai.costward-system.svc.cluster.local"} < set(hosts)


def test_a_waypoint_is_aimed_at_by_name_and_has_no_virtual_service() -> None:
    objects = istio_objects(spec("waypoint"))
    filter_ = envoy_filter(spec("waypoint"))["spec"]

    assert filter_["targetRefs"][0]["kind"] == "Gateway"
    assert "workloadSelector" not in filter_
    assert {p["match"]["context"] for p in filter_["configPatches"]} == {"SIDECAR_INBOUND", "SIDECAR_OUTBOUND"}
    # Istio patches no routes of a waypoint's host that has one.
    assert "VirtualService" not in {o["kind"] for o in objects}
    assert one(objects, "ServiceEntry", "openai")["metadata"]["labels"]["istio.io/use-waypoint"] == "egress"


def test_each_position_asks_for_the_callers_identity_in_its_own_way() -> None:
    def attributes(position: Position) -> list[str]:
        found = patches(spec(position), "HTTP_FILTER")[1]["patch"]["value"]["typed_config"]
        return list(found.get("request_attributes", []))

    assert attributes("gateway") == ["connection.uri_san_peer_certificate"]
    assert attributes("waypoint") == ['filter_state["io.istio.peer_principal"]']
    assert attributes("sidecar") == []


@pytest.mark.parametrize("position", ["gateway", "sidecar"])
def test_istio_never_retries_by_itself(position: Position) -> None:
    services = [o for o in istio_objects(spec(position)) if o["kind"] == "VirtualService"]

    assert len(services) == 2 * len(PROVIDERS)
    for service in services:
        for route in service["spec"]["http"]:
            assert route["retries"] == {"attempts": 0}
            assert int(route["timeout"].rstrip("s")) > 600


def test_a_provider_is_asked_by_tls_and_must_show_its_name() -> None:
    tls = one(istio_objects(spec()), "DestinationRule", "openai")["spec"]["trafficPolicy"]["tls"]

    assert tls == {"mode": "SIMPLE", "sni": "api.openai.com", "subjectAltNames": ["api.openai.com"]}


def test_the_hop_to_the_data_plane_is_mutual_tls_with_its_account() -> None:
    policy = one(istio_objects(spec()), "DestinationRule", "costward-extproc")["spec"]["trafficPolicy"]

    assert policy["tls"]["mode"] == "ISTIO_MUTUAL"
    assert policy["tls"]["subjectAltNames"] == ["spiffe://cluster.local/ns/costward-system/sa/costward-extproc"]
    assert policy["connectionPool"]["http"]["http2MaxRequests"] == 100_000
    assert policy["outlierDetection"]["minHealthPercent"] == 0


def test_an_alias_has_no_endpoints() -> None:
    body = one(istio_objects(spec()), "Service", "openai")["spec"]

    assert "selector" not in body
    assert body["ports"][0]["appProtocol"] == "http"


def test_every_object_and_the_announcement_carry_one_hash() -> None:
    asked = spec(revision="canary")
    digest = istio_hash(asked)

    for found in istio_objects(asked):
        assert found["metadata"]["annotations"]["costward.dev/wiring-hash"] == digest
        assert found["metadata"]["labels"]["costward.dev/wiring"] == "v1"
        assert found["metadata"]["labels"]["istio.io/rev"] == "canary"
    assert digest in json.dumps(patches(asked, "HTTP_FILTER")[1])


def test_any_change_of_the_wiring_changes_its_hash() -> None:
    base = spec()
    others = [spec("gateway"), spec(closed=frozenset({"groq"})), replace(base, providers=PROVIDERS[:1])]

    assert len({istio_hash(asked) for asked in (base, *others)}) == 4


def test_what_cannot_work_is_told_at_once() -> None:
    bad = Provider("Azure", "*.openai.azure.com", base_path="/v1/", port=0)

    with pytest.raises(WiringError) as caught:
        istio_objects(MeshSpec("waypoint", (bad,), workload_labels={"app": "x"}, closed=frozenset({"openai"})))

    told = " ".join(caught.value.problems)
    assert all(
        word in told for word in ("DNS label", "DNS name", "base path", "port 0", "ignores labels", "fails closed")
    )


def test_all_of_the_catalogue_can_be_wired() -> None:
    everything = (*CATALOGUE, azure_openai("acme"))

    assert istio_objects(MeshSpec("sidecar", everything))
    assert all("openai.chat" in p.dialects or "anthropic.messages" in p.dialects for p in everything)


def test_an_unknown_provider_is_named_with_those_that_are_known() -> None:
    with pytest.raises(WiringError, match=r"no provider is called 'openia'.*openai"):
        named(["openia"])


def test_a_provider_of_ones_own_replaces_that_of_the_catalogue() -> None:
    own = Provider("openai", "llm.example.com")

    assert named(["openai"], [own]) == (own,)


def test_no_two_sets_of_proxies_share_an_envoy_filter() -> None:
    sets = [
        spec("gateway"), spec("waypoint"), spec("sidecar"), spec("gateway", proxy="other"),
        spec("sidecar", workload_labels={"app": "a"}), spec("sidecar", workload_labels={"app": "b"}),
    ]  # fmt: skip

    assert len({envoy_filter(one)["metadata"]["name"] for one in sets}) == len(sets)
