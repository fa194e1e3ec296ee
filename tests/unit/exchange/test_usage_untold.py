"""What never told its usage is charged as its like is in the mean, and what told all teaches that mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.core.events import Closed, Reserve, ResponseBody, ResponseHeaders
from costward_extproc.core.ledger import Habit, Told
from costward_extproc.core.money import Usage, cost

from tests.fakes.world import NOW, RATES, Run, World, chat, policy, stream, tier

LONG = "why " * 993
TOKENS = 1_000
"""Of a request for LONG: seven of them are the format's own."""
HABIT = Habit(input=1.1, cached=0.5, written=0.2, written_1h=0.1, hidden=100.4)
TAKEN_IN = Usage(input=1_100, cached_input=550, cache_write=220, cache_write_1h=110, estimated=True)


def _upstream(habit: Habit | None = HABIT, **members: Any) -> Run:
    run = World.of(policy(tiers=(tier(10**9),)), habit=habit).begin()
    run.request(json.dumps(chat(LONG, stream=True, **members)).encode(), {})
    return run


def _until(run: Run, part: bytes) -> Run:
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    run.send(ResponseBody(NOW, part, end=False))
    run.send(Closed(NOW))
    return run


def _cut(text: str = "one two three four") -> bytes:
    whole = stream(text)
    return whole[: whole.index(b'"finish_reason": "stop"')].rpartition(b"data: ")[0]


def test_before_the_headers_its_input_is_cached_as_that_of_others() -> None:
    run = _upstream()
    run.send(Closed(NOW))
    assert run.record.inputs.tokens == TOKENS
    assert run.record.usage == TAKEN_IN
    assert run.record.cost == run.settlement.cost == cost(TAKEN_IN, RATES["gpt-5"])
    assert run.record.warnings == ("usage-estimated",)


def test_a_provider_that_tells_next_to_nothing_makes_no_exchange_free() -> None:
    run = _upstream(Habit(input=0.0001, cached=0.0, written=0.0, written_1h=0.0, hidden=0.0))
    run.send(Closed(NOW))
    assert run.record.usage == Usage(input=TOKENS // 2, estimated=True)


def test_nothing_is_taken_off_while_nothing_is_known() -> None:
    run = _upstream(habit=None)
    run.send(Closed(NOW))
    assert run.record.usage == Usage(input=TOKENS, estimated=True)


def test_what_was_thought_before_the_first_word_is_added_whole_to_what_was_seen() -> None:
    assert _until(_upstream(), _cut("one")).record.usage.output == 1 + 100
    assert _until(_upstream(), _cut()).record.usage.output == 4 + 100


def test_no_word_no_thought() -> None:
    opening = stream()[: stream().index(b"\n\n") + 2]
    assert _until(_upstream(), opening).record.usage.output <= 1


def test_an_estimate_stays_below_what_the_request_allows() -> None:
    assert _until(_upstream(max_completion_tokens=50), _cut()).record.usage.output == 50


def test_a_stream_that_ends_without_its_usage_is_taken_as_its_like() -> None:
    record = _until(_upstream(), stream(usage=False)).record
    assert (record.end, record.usage.cached_input, record.usage.estimated) == ("complete", 550, True)


def test_what_is_reserved_stays_the_worst_case() -> None:
    reserved = [
        effect.reservation.amount
        for habit in (HABIT, None)
        for effect in _upstream(habit).effects
        if isinstance(effect, Reserve)
    ]
    assert len(reserved) == 2
    assert reserved[0] == reserved[1]


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"completion_tokens": 7}, (0, 0)),
        ({"prompt_tokens_details": {"cached_tokens": 8}}, (8, 0)),
        ({"completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 38}}, (0, 38)),
        ({"prompt_tokens_details": {"cached_tokens": 99}}, (12, 0)),
    ],
)
def test_a_whole_exchange_teaches_what_it_told(usage: dict[str, Any], told: tuple[int, int]) -> None:
    """Also where a provider tells of more cached input than of input."""
    run = World.of(policy(tiers=(tier(),))).ask(chat(), answer=_answer({}, **usage))
    assert run.settlement.told == Told(13, 12, told[0], 0, 0, told[1])


def test_thinking_that_passed_is_not_hidden() -> None:
    """Some providers send it, and count it as reasoning all the same."""
    usage = {"completion_tokens": 11, "completion_tokens_details": {"reasoning_tokens": 10}}
    answer = _answer({"reasoning_content": "a b c d e f g h i j "}, **usage)
    settlement = World.of(policy(tiers=(tier(),))).ask(chat(), answer=answer).settlement
    assert settlement.told is not None
    assert settlement.told.hidden == 0


def test_an_aborted_exchange_teaches_nothing() -> None:
    assert _until(_upstream(), _cut()).settlement.told is None


def _answer(message: dict[str, Any], **usage: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Open settings.", **message}}
    figures = {"prompt_tokens": 12, "completion_tokens": 7, **usage}
    document = {"id": "c", "object": "chat.completion", "model": "gpt-5", "usage": figures}
    return json.dumps({**document, "choices": [{**choice, "finish_reason": "stop"}]}).encode()
