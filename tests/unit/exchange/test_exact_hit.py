"""An answer that is known is given again: for the same question in other clothes, streamed or not, at no cost."""

from __future__ import annotations

import json

import pytest
from costward_extproc.core.events import Answer, GoUpstream, Reserve, Store, Write
from costward_extproc.core.sse import data_in

from tests.fakes.world import NOW, World, chat, completion, policy, stream, tier

ANSWER = "Open settings.\n\n  1. Security\n\t2. `reset`\n"


def _text(answer: Answer) -> str:
    """The words of an answer, whichever way it was sent."""
    if dict(answer.headers)["content-type"] == "application/json":
        content: str = json.loads(answer.body)["choices"][0]["message"]["content"]
        return content
    chunks = [json.loads(data) for data in data_in(answer.body) if data != b"[DONE]"]
    return "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])


@pytest.mark.parametrize(
    "wording",
    [
        "How do I reset my password?",
        "  how do I reset   my password",
        "Hello! How do I reset my password? Thanks!",
        "HOW DO I RESET MY PASSWORD?",
    ],
)
def test_the_same_question_in_other_clothes(wording: str) -> None:
    world = World.of(policy())
    assert world.ask(chat("How do I reset my password?")).upstream is not None
    second = world.ask(chat(wording))
    assert second.upstream is None
    assert second.record.decision == "hit-exact"


def test_another_question_is_asked_upstream() -> None:
    world = World.of(policy())
    world.ask(chat("How do I reset my password?"))
    assert world.ask(chat("How do I reset my phone?")).upstream is not None


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_one_entry_serves_stream_and_whole(first: bool, second: bool) -> None:
    world = World.of(policy())
    world.ask(chat(stream=first), answer=stream(ANSWER) if first else completion(ANSWER))
    answer = world.ask(chat(stream=second)).answer
    assert answer is not None
    assert dict(answer.headers)["content-type"] == ("text/event-stream" if second else "application/json")
    assert _text(answer) == ANSWER
    assert answer.body.endswith(b"data: [DONE]\n\n") == second
    assert len(world.entries) == 1


def test_a_hit_costs_nothing_and_saves_what_the_answer_cost() -> None:
    world = World.of(policy(tiers=(tier(),)))
    first = world.ask(chat())
    assert first.record.cost == 85, "12 tokens in at $1.25 and 7 out at $10 a million"
    second = world.ask(chat())
    assert not second.has(Reserve)
    assert (second.record.cost, second.record.baseline, second.record.reserved) == (0, 85, 0)
    assert second.headers["x-costward-cost-usd"] == "0.000000"
    assert second.headers["x-costward-saved-usd"] == "0.000085"
    assert list(world.spent.values()) == [85]


def test_a_hit_says_what_it_is() -> None:
    world = World.of(policy())
    world.ask(chat())
    world.now = NOW + 60
    run = world.ask(chat())
    assert run.answer is not None
    assert run.answer.status == 200
    assert run.headers["age"] == "60"
    assert run.headers["cache-status"] == "costward; hit; ttl=86340; detail=exact"
    assert run.headers["x-costward-decision"] == "hit-exact"
    assert run.headers["x-costward-model"] == "gpt-5-2025-08-07"


def test_a_hit_has_an_id_of_its_own_and_the_model_that_answered() -> None:
    world = World.of(policy())
    world.ask(chat())
    run = world.ask(chat())
    assert run.answer is not None
    document = json.loads(run.answer.body)
    assert document["id"] == "chatcmpl-x2"
    assert document["created"] == NOW
    assert document["model"] == "gpt-5-2025-08-07"


def test_a_hit_leaves_one_record_and_stores_nothing() -> None:
    world = World.of(policy())
    world.ask(chat())
    run = world.ask(chat())
    assert [type(effect) for effect in run.effects[-2:]] == [Answer, Write]
    assert not run.has(Store)
    assert not run.has(GoUpstream)
