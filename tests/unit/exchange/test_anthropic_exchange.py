"""A coding agent's exchange from end to end of the machine: nothing of it is lost, doubled or mistaken."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from costward_contract.snapshot import Alias, LadderStep, RoutingPolicy, RoutingRule, Rung, When
from costward_extproc.core.events import Closed, ResponseBody, ResponseHeaders
from costward_extproc.core.money import Quote, Rates

from tests.fakes.anthropic_fixtures import ANSWERS, HOUR, MARK, MODEL, STREAMS, agent, ask, body_of, message, stream
from tests.fakes.world import NOW, Run, World, means, policy, tier

SMALL, LARGE = Rung("small", "claude-haiku-4-5"), Rung("large", MODEL)
RATES = Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000)
TO = {":path": "/v1/messages", "x-api-key": "k"}
BILL = 12 * 3 + 1_000 * 3.75 + 2_000 * 6 + 40_000 * 0.3 + 7 * 15


def _world(**changes: Any) -> World:
    given: dict[str, Any] = {"models": (SMALL, LARGE), "tiers": (tier(10**9),), **changes}
    limit = given.pop("answer_limit", 4 * 1024 * 1024)
    quote = means(quote=lambda model: Quote(model, RATES, "catalogue"), answer_limit=limit)
    return World.of(policy(**given), means=quote)


def _asked(world: World, document: dict[str, Any], headers: dict[str, str] | None = None) -> Run:
    run = world.begin()
    run.request(body_of(document), {**TO, **(headers or {})})
    return run


def _answered(run: Run, body: bytes, chunks: list[int] | None = None, status: int = 200) -> Run:
    kind = "application/json" if body.startswith(b"{") else "text/event-stream; charset=utf-8"
    run.response(body, status=status, chunks=chunks or [], content_type=kind)
    return run


@pytest.mark.parametrize("name", STREAMS)
def test_however_a_stream_is_chunked_it_flows_as_it_came_and_is_accounted_alike(name: str) -> None:
    body = STREAMS[name]
    whole = _answered(_asked(_world(), agent(turns=1, tools=1)), body).record
    chance = random.Random(name)
    for sizes in ([1] * len(body), *([chance.randint(0, 60) for _ in range(len(body) // 20)] for _ in range(5))):
        run = _answered(_asked(_world(), agent(turns=1, tools=1)), body, sizes)
        assert run.flowed == body
        record = run.record
        assert (record.usage, record.cost, record.end, record.cache) == (
            whole.usage,
            whole.cost,
            whole.end,
            whole.cache,
        )


@pytest.mark.parametrize("body", [stream(ANSWERS["text"]), json.dumps(ANSWERS["text"]).encode()])
def test_all_five_kinds_of_tokens_are_priced(body: bytes) -> None:
    record = _answered(_asked(_world(), ask()), body).record
    usage = record.usage
    assert (usage.input, usage.cached_input, usage.cache_write, usage.cache_write_1h) == (43_012, 40_000, 3_000, 2_000)
    assert (record.cost, record.end, usage.estimated) == (round(BILL), "complete", False)
    assert record.dialect == "anthropic.messages"


def _cut(body: bytes, at: int) -> Run:
    run = _asked(_world(), ask(stream=True))
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    run.send(ResponseBody(NOW, body[:at], end=False))
    run.send(Closed(NOW))
    return run


def test_cut_before_its_end_a_stream_costs_its_input_and_what_was_seen() -> None:
    body = stream(message("one two three four five six seven eight nine ten", " eleven"), size=4)
    run = _cut(body, body.index(b'" ele'))
    usage = run.record.usage
    assert (usage.input, usage.cached_input, usage.cache_write_1h) == (43_012, 40_000, 2_000)
    assert (usage.output, usage.estimated, run.record.end) == (10, True, "aborted")
    assert run.settlement.cost == run.record.cost == round(BILL) + (10 - 7) * 15


def test_cut_after_its_first_event_it_costs_the_token_that_was_told() -> None:
    body = stream(ANSWERS["text"])
    usage = _cut(body, body.index(b"event: content_block_start")).record.usage
    assert (usage.input, usage.output, usage.estimated) == (43_012, 1, True)


def test_cut_before_its_last_event_it_costs_what_was_told() -> None:
    body = stream(ANSWERS["text"])
    record = _cut(body, body.index(b"event: message_stop")).record
    assert (record.usage.output, record.usage.estimated, record.end) == (7, False, "aborted")


def test_hanging_up_on_its_last_event_is_no_abort() -> None:
    body = stream(ANSWERS["text"])
    assert _cut(body, len(body)).record.end == "complete"


def test_an_error_in_the_middle_is_settled_and_never_kept() -> None:
    world = _world()
    record = _answered(_asked(world, ask(stream=True)), STREAMS["error-in-the-middle"]).record
    assert (record.end, record.usage.estimated, record.usage.input, world.entries) == ("error", True, 43_012, {})


@pytest.mark.parametrize("limit", [800, 3_000, 20_000])
def test_usage_of_a_stream_that_is_too_long_to_keep_counts(limit: int) -> None:
    world = _world(answer_limit=limit)
    body = stream(message("a b c " * 1_000))
    record = _answered(_asked(world, ask(stream=True)), body, [500] * 200).record
    assert (record.usage.input, record.usage.cache_write_1h, record.usage.output) == (43_012, 2_000, 7)
    assert (record.usage.estimated, record.end, world.entries) == (False, "complete", {})


@pytest.mark.parametrize("over", range(1, 420, 13))
def test_wherever_a_long_stream_leaves_what_is_kept(over: int) -> None:
    """The event at the seam is whole where nothing is missing."""
    body = stream(message("a b c " * 100))
    record = _answered(_asked(_world(answer_limit=len(body) - over), ask(stream=True)), body, [100] * 200).record
    assert (record.usage.output, record.usage.estimated, record.end) == (7, False, "complete")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_one_entry_serves_stream_and_json(first: bool, second: bool) -> None:
    world = _world()
    answer = ANSWERS["text"]
    _answered(_asked(world, ask(stream=first)), stream(answer) if first else json.dumps(answer).encode())
    run = _asked(world, ask(stream=second, metadata={"user_id": "ada"}))
    assert run.answer is not None
    assert run.headers["x-costward-decision"] == "hit-exact"
    assert run.headers["content-type"].startswith("text/event-stream" if second else "application/json")
    assert run.answer.body.count(b'"msg_x2"') == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "other"},
        {"anthropic-workspace-id": "wrkspc_1"},
        {"anthropic-user-profile-id": "uprof_1"},
        {"anthropic-beta": "context-1m-2025-08-07"},
        {"anthropic-version": "2030-01-01"},
    ],
)
def test_another_credential_or_version_is_another_question(headers: dict[str, str]) -> None:
    world = _world()
    _answered(_asked(world, ask()), json.dumps(ANSWERS["text"]).encode())
    assert _asked(world, ask(), headers).upstream is not None


@pytest.mark.parametrize(("mark", "rate"), [({}, 3.0), (MARK, 3.75), (HOUR, 6.0)])
def test_the_worst_case_is_a_prompt_that_is_written_anew(mark: dict[str, Any], rate: float) -> None:
    system = [{"type": "text", "text": "word " * 10_000, **mark}]
    run = _asked(_world(), ask(system=system, max_tokens=1_000))
    tokens = _answered(run, stream(ANSWERS["text"])).record.inputs.tokens
    assert tokens is not None
    assert run.record.reserved == math.ceil(tokens * rate + 1_000 * 15)


def test_an_agent_s_session_is_the_one_that_it_names() -> None:
    world = _world()
    sessions = [_answered(_asked(world, agent(turns=n, tools=1)), STREAMS["text"]).record.session for n in range(3)]
    document = agent(turns=1, tools=1)
    document["metadata"]["user_id"] = document["metadata"]["user_id"].replace("2c4e1cf0", "00000000")
    other = _answered(_asked(world, document), STREAMS["text"]).record.session
    assert len(set(sessions)) == 1
    assert other not in sessions


def test_signed_thinking_stays_with_its_model() -> None:
    rules = RoutingPolicy("Enforce", rewrite_named_models=True, rules=(RoutingRule(When(), "small"),))
    world = _world(routing=rules)
    plain = _answered(_asked(world, agent(turns=1, tools=1, thinking=False)), STREAMS["text"]).record
    signed = _asked(world, agent(turns=1, tools=1))
    assert signed.upstream is not None
    assert signed.upstream.body is None
    record = _answered(signed, STREAMS["text"]).record
    assert (plain.rung, plain.decision) == ("small", "route")
    assert (record.rung, record.decision, record.warnings) == ("large", "pass", ("pinned-signed-thinking",))


def test_signed_thinking_is_no_reason_to_leave_an_alias_unresolved() -> None:
    world = _world(aliases=(Alias("auto", ("small", "large")),))
    run = _asked(world, agent(turns=1, tools=1, model="auto"))
    assert run.upstream is not None
    assert run.upstream.body == body_of(agent(turns=1, tools=1))


def test_a_capped_agent_is_told_in_its_provider_s_words() -> None:
    step = LadderStep(1_000_000, "Message", text="Used up until {resetsAt}.")
    run = _asked(_world(tiers=(tier(0, step),)), ask(stream=True))
    assert run.answer is not None
    document = json.loads(run.answer.body)
    assert (run.answer.status, run.headers["x-should-retry"]) == (429, "false")
    assert (document["type"], document["error"]["type"], document["request_id"]) == ("error", "rate_limit_error", "x1")
    assert document["error"]["details"]["cap"] == "default/Workload/Day"
