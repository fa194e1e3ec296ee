"""Where a provider keeps prompts only when asked to: those that ask have a mean of their own, and what a stream's first
event told is not replaced by any."""

from __future__ import annotations

from typing import Any

import pytest
from costward_extproc.core.events import Closed, ResponseBody, ResponseHeaders, Stand
from costward_extproc.core.ledger import Habit
from costward_extproc.core.money import Quote, Rates

from tests.fakes.anthropic_fixtures import ANSWERS, HOUR, MARK, ask, body_of, stream
from tests.fakes.world import NOW, Run, World, means, policy, tier

RATES = Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000)
HABIT = Habit(input=2.0, cached=0.9, written=0.1, written_1h=0.0, hidden=40.0)


def _asked(**members: Any) -> Run:
    quote = means(quote=lambda model: Quote(model, RATES, "catalogue"))
    run = World.of(policy(tiers=(tier(10**9),)), means=quote, habit=HABIT).begin()
    run.request(body_of(ask(stream=True, **members)), {":path": "/v1/messages", "x-api-key": "k"})
    return run


def test_requests_that_ask_to_keep_their_prompt_learn_apart() -> None:
    marked = [{"type": "text", "text": "Be brief.", **mark} for mark in ({}, MARK, HOUR)]
    keys = [_asked(system=[part]).only(Stand).output_key for part in marked]
    assert len(set(keys)) == 3
    assert all(key.startswith(keys[0]) for key in keys)


@pytest.mark.parametrize("event", [b"event: content_block_stop", b"event: message_delta"])
def test_input_that_a_stream_told_is_believed_and_hidden_output_added(event: bytes) -> None:
    body = stream(ANSWERS["text"])
    run = _asked()
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    run.send(ResponseBody(NOW, body[: body.index(event)], end=False))
    run.send(Closed(NOW))
    usage = run.record.usage
    assert (usage.input, usage.cached_input, usage.cache_write, usage.estimated) == (43_012, 40_000, 3_000, True)
    assert usage.output > 40
