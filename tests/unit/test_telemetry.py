"""What a scrape shows of exchanges: names by the GenAI conventions, sums that are right, and no model of a caller."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from costward_extproc.adapters.telemetry import Telemetry
from costward_extproc.core.money import Usage
from prometheus_client import REGISTRY, generate_latest

from tests.fakes.records import ROUTED


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.close()


def samples(name: str) -> list[tuple[dict[str, str], float]]:
    return [
        ({k: v for k, v in sample.labels.items() if not k.startswith("otel_")}, sample.value)
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == name
    ]


def test_tokens_have_the_conventions_names_and_the_rung(telemetry: Telemetry) -> None:
    record = dataclasses.replace(ROUTED, usage=Usage(input=20, output=50, cached_input=8))
    for _ in range(3):
        telemetry.write(record)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "policy": "default/support-bot",
        "costward_rung": "small",
        "estimated": "false",
    }
    usage = "gen_ai_client_inference_usage_"
    assert samples(f"{usage}input_tokens_total") == [(labels, 60)]
    assert samples(f"{usage}output_tokens_total") == [(labels, 150)]
    assert samples(f"{usage}cache_read_input_tokens_total") == [(labels, 24)]


def test_money_and_decisions_are_summed_by_policy(telemetry: Telemetry) -> None:
    telemetry.write(ROUTED)
    telemetry.write(dataclasses.replace(ROUTED, decision="pass", baseline=ROUTED.cost))
    policy = {"policy": "default/support-bot"}
    assert samples("costward_spent_total") == [({**policy, "rung": "small"}, 2 * ROUTED.cost)]
    assert samples("costward_saved_total") == [({**policy, "decision": "route"}, ROUTED.baseline - ROUTED.cost)]
    assert {labels["decision"]: value for labels, value in samples("costward_exchanges_total")} == {
        "route": 1,
        "pass": 1,
    }
    durations = samples("gen_ai_client_operation_duration_seconds_count")
    assert {(labels["gen_ai_provider_name"], value) for labels, value in durations} == {("openai", 1)}


def test_what_a_caller_asked_for_is_no_label(telemetry: Telemetry) -> None:
    telemetry.write(dataclasses.replace(ROUTED, asked_model="only-mine", rung=None))
    assert b"only-mine" not in generate_latest(REGISTRY)


def test_what_cannot_be_priced_is_counted_by_endpoint_and_decision(telemetry: Telemetry) -> None:
    batch = dataclasses.replace(ROUTED, dialect=None, endpoint="batches", reason="unpriced-endpoint", decision="pass")
    telemetry.write(batch)
    telemetry.write(batch)
    telemetry.write(dataclasses.replace(batch, endpoint="websocket", decision="refuse"))
    telemetry.write(dataclasses.replace(batch, endpoint="models", reason="free-endpoint"))
    policy = {"policy": "default/support-bot"}
    assert samples("costward_unpriced_total") == [
        ({**policy, "endpoint": "batches", "decision": "pass"}, 2),
        ({**policy, "endpoint": "websocket", "decision": "refuse"}, 1),
    ]
    assert samples("costward_cache_lookups_total") == []


def test_a_dialect_tells_operation_and_provider(telemetry: Telemetry) -> None:
    for dialect in ("openai.responses", "openai.embeddings", "anthropic.messages"):
        telemetry.write(dataclasses.replace(ROUTED, dialect=dialect, usage=Usage(input=1)))
    found = samples("gen_ai_client_inference_usage_input_tokens_total")
    assert {(labels["gen_ai_operation_name"], labels["gen_ai_provider_name"]) for labels, _ in found} == {
        ("chat", "openai"),
        ("embeddings", "openai"),
        ("chat", "anthropic"),
    }
