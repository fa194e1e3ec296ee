"""Second attempts in the generated wiring: nobody's request is retried unless the data plane asks for it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from costward_contract.metadata import FAILED, SECOND, TICKET
from costward_contract.wiring import EnvoySpec, Upstream, envoy_bootstrap

OPENAI = Upstream("openai", "https://api.openai.com/v1")
SPEC = EnvoySpec((OPENAI, Upstream("lan", "http://10.0.0.7", hosts=("lan",))), ("/run/a.sock",))
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(name: str) -> dict[str, Any]:
    return next(c for c in envoy_bootstrap(SPEC)["static_resources"]["clusters"] if c["name"] == name)


def chain(name: str = "openai") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster(name)["typed_extension_protocol_options"][OPTIONS]["http_filters"]
    return found


def on_match(http_filter: dict[str, Any]) -> Any:
    (rule,) = http_filter["typed_config"]["xds_matcher"]["matcher_list"]["matchers"]
    action = rule["on_match"]["action"]["typed_config"]
    return rule["predicate"]["single_predicate"], action["typed_config"]["typed_config"]


def downstream() -> dict[str, Any]:
    manager = envoy_bootstrap(SPEC)["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    found: dict[str, Any] = manager["typed_config"]["http_filters"][0]["typed_config"]
    return found


def test_no_route_retries_by_itself() -> None:
    assert "retry_policy" not in json.dumps(envoy_bootstrap(SPEC))


def test_every_provider_has_the_chain_and_the_codec_ends_it() -> None:
    for name in ("openai", "lan"):
        names = [http_filter["name"] for http_filter in chain(name)]
        assert names[0] == "costward.fallback"
        assert names[-1] == "envoy.filters.http.upstream_codec"


def test_only_a_later_attempt_is_told_to_the_data_plane() -> None:
    predicate, processor = on_match(chain()[0])
    assert predicate["input"]["typed_config"]["header_name"] == "x-envoy-attempt-count"
    assert predicate["value_match"]["safe_regex"]["regex"] == "[2-9][0-9]*"
    # With SKIP an upstream chain does not wait for the body's reply.
    assert processor["processing_mode"]["request_header_mode"] == "SEND"
    assert processor["processing_mode"]["request_body_mode"] == "BUFFERED"
    assert {"key": "x-costward-side", "value": "upstream"} in processor["grpc_service"]["initial_metadata"]


def test_what_was_waited_for_the_provider_is_not_told_as_waited_for_us() -> None:
    _, processor = on_match(chain()[0])
    assert "x-costward-started" not in json.dumps(processor)


def test_only_a_failing_answer_runs_the_script() -> None:
    predicate, lua = on_match(chain()[1])
    assert predicate["input"]["typed_config"]["header_name"] == ":status"
    assert predicate["value_match"]["safe_regex"]["regex"] == "[45].."
    assert FAILED in lua["default_source_code"]["inline_string"]


def test_the_attempt_count_and_our_headers_end_before_the_provider() -> None:
    removed = chain()[2]["typed_config"]["mutations"]["request_mutations"]
    assert removed[0] == {"remove": "x-envoy-attempt-count"}
    assert removed[1]["remove_on_match"]["key_matcher"] == {"prefix": "x-costward-"}


def test_each_side_reads_what_the_other_writes() -> None:
    _, upstream = on_match(chain()[0])
    written, read = downstream()["metadata_options"], upstream["metadata_options"]
    assert written["receiving_namespaces"] == {"untyped": [TICKET]}
    assert set(written["forwarding_namespaces"]["untyped"]) == {FAILED, SECOND}
    assert set(read["forwarding_namespaces"]["untyped"]) == {TICKET, FAILED}
    assert read["receiving_namespaces"] == {"untyped": [SECOND]}


def test_many_may_fall_back_at_once() -> None:
    assert cluster("openai")["circuit_breakers"]["thresholds"][0]["max_retries"] > 1_024


def test_the_data_plane_may_change_no_other_header() -> None:
    rules = downstream()["mutation_rules"]
    assert rules["disallow_all"] is True
    # Envoy refuses a regex of more than 100 instructions; letters are the most of them.
    assert "authorization" not in rules["allow_expression"]["regex"]


def test_a_worker_that_hangs_or_refuses_is_left_out_soon() -> None:
    found = cluster("costward_extproc")
    (probe,) = found["health_checks"]
    interval, timeout = (float(probe[name].rstrip("s")) for name in ("interval", "timeout"))
    assert probe["unhealthy_threshold"] * (interval + timeout) < 1.5
    assert found["outlier_detection"]["consecutive_local_origin_failure"] == 1
    assert found["outlier_detection"]["max_ejection_percent"] == 100


@pytest.mark.parametrize(
    "name", ["content-length", "content-encoding", "accept-encoding", "etag", "x-costward-cost-usd"]
)
def test_every_header_that_the_data_plane_changes_may_be_changed(name: str) -> None:
    assert re.fullmatch(downstream()["mutation_rules"]["allow_expression"]["regex"], name)
