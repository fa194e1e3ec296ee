"""A responses call through the whole machine: hits in both forms, streams that are cut, and models that must stay."""

from __future__ import annotations

import json
from typing import Any

from costward_contract.snapshot import Alias, LadderStep, RoutingPolicy, RoutingRule, When
from costward_extproc.dialects.openai_responses_answer import read_stream

from tests.fakes.responses_fixtures import STREAMS, message, reasoning, response
from tests.fakes.world import Run, World, policy, tier

PATH = {":path": "/v1/responses"}


def _ask(world: World, answer: bytes | None = None, **members: Any) -> Run:
    run = world.begin()
    document = {"model": "gpt-5", "input": "How do I reset my password?", "store": False, **members}
    run.request(json.dumps(document).encode(), PATH)
    if answer is not None:
        kind = "text/event-stream" if answer.startswith(b"event:") else "application/json"
        run.response(answer, content_type=kind)
    return run


WHOLE = json.dumps(response(message("Open settings."))).encode()


def test_one_entry_serves_both_forms() -> None:
    for first in (WHOLE, STREAMS["text"]):
        world = World.of(policy())
        stored = _ask(world, first, stream=first is not WHOLE)
        assert stored.record.cache.stored
        whole, streamed = (
            _ask(world),
            _ask(world, stream=True, input=[{"role": "user", "content": "how do i reset my password"}]),
        )
        assert whole.answer is not None
        assert streamed.answer is not None
        assert json.loads(whole.answer.body)["output"][0]["content"][0]["text"] == "Open settings."
        assert read_stream(streamed.answer.body).text_seen == "Open settings."
        assert streamed.headers["content-type"] == "text/event-stream"


def test_usage_is_the_providers() -> None:
    record = _ask(World.of(policy()), STREAMS["reasoning and parallel calls"], stream=True).record
    assert (record.usage.input, record.usage.output, record.usage.reasoning) == (120, 30, 12)
    assert (record.usage.estimated, record.end, record.served_model) == (False, "complete", "gpt-5-2025-08-07")


def test_the_stream_is_not_touched() -> None:
    run = _ask(World.of(policy()), STREAMS["unicode, CR LF"], stream=True)
    assert run.flowed == STREAMS["unicode, CR LF"]
    assert run.upstream is not None
    assert run.upstream.body is None


def test_a_stream_that_is_cut_is_charged_for_what_came() -> None:
    body = STREAMS["two messages"]
    run = _ask(World.of(policy()), body[: body.index(b"response.new_event")], stream=True)
    assert (run.record.usage.estimated, run.record.usage.output) == (True, 1)
    assert not run.record.cache.stored


def test_a_stored_conversation_is_never_served_from_the_cache() -> None:
    for members in ({"previous_response_id": "resp_1"}, {"store": True}, {"background": True}, {"conversation": "c"}):
        world = World.of(policy())
        _ask(world, WHOLE, **members)
        assert world.entries == {}
        assert _ask(world, WHOLE, **members).record.cache.reason == "stored-conversation"


def test_a_rule_does_not_change_the_model_in_the_middle_of_reasoning() -> None:
    rules = RoutingPolicy("Enforce", True, (RoutingRule(When(tools=False), "small"),))
    turn = [{"role": "user", "content": "a"}, reasoning(), {"role": "user", "content": "b"}]
    world = World.of(policy(routing=rules))
    assert _ask(world, WHOLE).record.decision == "route"
    kept = _ask(world, WHOLE, input=turn).record
    assert (kept.decision, kept.warnings) == ("pass", ("pinned-reasoning-items",))


def test_an_alias_is_resolved_also_where_the_model_must_stay() -> None:
    world = World.of(policy(aliases=(Alias("auto", ("small", "large")),)))
    run = _ask(world, WHOLE, model="auto", previous_response_id="resp_1")
    assert run.upstream is not None
    assert run.upstream.body is not None
    assert json.loads(run.upstream.body)["model"] == "gpt-5"


def test_a_capped_caller_may_be_answered_in_words() -> None:
    step = LadderStep(1_000_000, "Message", text="Over.", deliver="Answer")
    world = World.of(policy(tiers=(tier(100, step),)), already_spent=100)
    for stream in (False, True):
        run = _ask(world, stream=stream)
        assert run.answer is not None
        assert run.answer.status == 200
        assert b"Over." in run.answer.body


def test_what_goes_on_in_the_background_is_charged_at_its_worst() -> None:
    """Its usage is only told to who asks for it later, and asking is free."""
    queued = json.dumps(response(status="queued", output=[], usage=None, background=True)).encode()
    begun = STREAMS["text"].replace(b'"object": "response"', b'"object": "response", "background": true')
    cut = begun[: begun.index(b"event: response.output_item")]
    for answer in (queued, cut):
        record = _ask(World.of(policy()), answer, background=True, max_output_tokens=500, stream=answer is cut).record
        assert (record.usage.output, record.usage.estimated) == (500, True)
    unlimited = _ask(World.of(policy(tiers=(tier(10**9),))), queued, background=True).record
    assert unlimited.usage.output == 128_000
    assert unlimited.reserved >= unlimited.cost > 1_000_000
    assert _ask(World.of(policy()), begun, background=True, stream=True).record.usage.output == 30
