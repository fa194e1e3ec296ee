"""The owner may want the capped caller to read a message as if the model had said it, streamed where it asked so."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import LadderStep
from costward_extproc.core.sse import data_in

from tests.fakes.world import World, chat, policy, tier

WORDS = LadderStep(1_000_000, "Message", text="Your {tier} plan is used up.", deliver="Answer")
SAID = "Your default plan is used up."


def _world() -> World:
    return World.of(policy(tiers=(tier(1_000, WORDS),)), already_spent=1_000)


def test_whole() -> None:
    run = _world().ask(chat())
    assert run.answer is not None
    assert run.answer.status == 200
    document = json.loads(run.answer.body)
    assert document["object"] == "chat.completion"
    assert document["model"] == "gpt-5"
    assert document["choices"][0]["message"] == {"role": "assistant", "content": SAID}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("asks_usage", [True, False])
def test_streamed(asks_usage: bool) -> None:
    options = {"include_usage": True} if asks_usage else None
    run = _world().ask(chat(stream=True, stream_options=options))
    assert run.answer is not None
    assert run.headers["content-type"] == "text/event-stream"
    *events, done = list(data_in(run.answer.body))
    assert done == b"[DONE]"
    chunks = [json.loads(event) for event in events]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert text == SAID
    assert (chunks[-1]["choices"] == []) == asks_usage


def test_it_still_says_that_it_was_refused() -> None:
    run = _world().ask(chat())
    assert run.headers["x-costward-decision"] == "refuse"
    assert run.headers["x-costward-reason"] == "cap-spent"
    assert run.headers["x-should-retry"] == "false"
    assert (run.record.decision, run.record.status) == ("refuse", 200)


def test_a_body_that_cannot_be_read_gets_an_error_instead() -> None:
    run = _world().ask(b"no json")
    assert run.answer is not None
    assert run.answer.status == 429
    assert json.loads(run.answer.body)["error"]["message"] == SAID


def test_it_is_not_kept() -> None:
    world = _world()
    world.ask(chat())
    assert not world.entries


def test_odd_model_names_are_answered_too() -> None:
    run = _world().ask(b'{"model": "\\ud800", "messages": [{"role": "user", "content": "a"}]}')
    assert run.answer is not None
    assert run.answer.status == 429
