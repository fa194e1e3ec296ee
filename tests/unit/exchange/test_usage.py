"""What an exchange cost is what the provider said, part by part; failures cost nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_contract.snapshot import PriceOverride, Rung

from tests.fakes.world import LARGE, Run, World, chat, completion, policy, stream, tier


def _answer(usage: Any) -> bytes:
    return json.dumps({**json.loads(completion()), "usage": usage}).encode()


def _status(status: int, body: bytes = b'{"error":{"message":"no"}}') -> Run:
    run = World.of(policy(tiers=(tier(),))).begin()
    run.request(json.dumps(chat()).encode(), {})
    run.response(body, status=status)
    return run


@pytest.mark.parametrize("streamed", [True, False])
def test_what_the_provider_said(streamed: bool) -> None:
    run = World.of(policy()).ask(chat(stream=streamed), answer=stream() if streamed else completion())
    usage = run.record.usage
    assert (usage.input, usage.output, usage.estimated) == (12, 7, False)
    assert (run.record.cost, run.record.baseline, run.record.price_source) == (85, 85, "catalogue")
    assert run.record.warnings == ()


def test_cached_tokens_have_their_own_price() -> None:
    usage = {
        "prompt_tokens": 1_000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 80},
    }
    record = World.of(policy()).ask(chat(), answer=_answer(usage)).record
    assert (record.usage.cached_input, record.usage.cache_write, record.usage.reasoning) == (600, 100, 80)
    # 300 plain and 100 written at $1.25, 600 cached at $0.125, 100 out at $10 a million: reasoning is inside output.
    assert record.cost == -(-(400 * 1_250_000 + 600 * 125_000 + 100 * 10_000_000) // 1_000_000)


def test_the_policy_s_own_price_wins() -> None:
    dear = Rung("large", "gpt-5", PriceOverride(input=10_000_000, output=100_000_000))
    record = World.of(policy(models=(dear,))).ask(chat()).record
    assert (record.cost, record.price_source) == (12 * 10 + 7 * 100, "policy")


def test_an_unknown_model_is_never_free() -> None:
    record = World.of(policy()).ask(chat(model="brand-new")).record
    assert (record.cost, record.price_source) == (12 * 10 + 7 * 50, "ceiling")
    assert record.warnings == ("price-unknown",)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422, 429, 500, 502, 503])
@pytest.mark.parametrize("body", [b'{"error":{"message":"no"}}', completion()])
def test_failures_cost_nothing(status: int, body: bytes) -> None:
    run = _status(status, body)
    assert (run.record.cost, run.record.usage.estimated, run.record.end) == (0, False, "complete")
    assert run.record.attempts[0].status == status
    assert list(run.world.spent.values()) == [0]


def test_an_error_in_place_of_an_answer_costs_nothing_whatever_the_status() -> None:
    run = _status(200)
    assert (run.record.cost, run.record.usage.estimated) == (0, False)
    assert list(run.world.spent.values()) == [0]


def test_a_gateway_timeout_costs_the_input() -> None:
    """The call was made and nobody waited for its answer: providers charge for it all the same."""
    run = _status(504, b"upstream request timeout")
    usage = run.record.usage
    assert (usage.input, usage.output, usage.estimated) == (run.record.inputs.tokens, 0, True)
    assert run.record.cost == -(-usage.input * 1_250_000 // 1_000_000)
    assert list(run.world.spent.values()) == [run.record.cost]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "12"}, []])
def test_missing_usage_is_estimated_from_the_text(usage: Any) -> None:
    record = World.of(policy()).ask(chat(), answer=_answer(usage)).record
    assert (record.usage.input, record.usage.output, record.usage.estimated) == (record.inputs.tokens, 2, True)
    assert record.warnings == ("usage-estimated",)
    assert record.cost > 0


def test_usage_of_zero_is_believed() -> None:
    record = World.of(policy()).ask(chat(), answer=_answer({"prompt_tokens": 0, "completion_tokens": 0})).record
    assert (record.cost, record.usage.estimated) == (0, False)


def test_tool_calls_and_reasoning_are_output_too() -> None:
    message = {
        "content": None,
        "reasoning_content": "one two three",
        "tool_calls": [{"function": {"name": " four", "arguments": " five six"}}],
    }
    answer = json.dumps({**json.loads(completion(message=message)), "usage": None}).encode()
    assert World.of(policy()).ask(chat(), answer=answer).record.usage.output == 6


def test_output_is_learnt_from_whole_answers_alone() -> None:
    run = World.of(policy(tiers=(tier(),))).ask(chat())
    settlement = run.settlement
    assert settlement.output_tokens == 7
    assert settlement.output_key is not None
    assert settlement.output_key.startswith("team/bot:")
    assert "gpt" not in settlement.output_key
    failed = _status(500)
    assert (failed.settlement.output_key, failed.settlement.output_tokens) == (None, None)
    unsaid = World.of(policy(tiers=(tier(),))).ask(chat(), answer=_answer(None))
    assert unsaid.settlement.output_tokens is None


def test_only_prices_of_the_rung_that_served() -> None:
    world = World.of(policy(models=(Rung("small", "gpt-5-mini", PriceOverride(0, 0)), LARGE)))
    assert world.ask(chat(model="gpt-5-mini"), answer=completion(model="gpt-5-mini")).record.cost == 0
    assert world.ask(chat(model="gpt-5")).record.cost == 85
