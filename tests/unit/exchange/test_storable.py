"""Kept is only a whole, natural answer in plain text; in doubt nothing is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.core.events import Closed, ResponseBody, ResponseHeaders
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import NOW, World, chat, completion, means, policy, stream

CALLS = [{"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'


def _world() -> World:
    return World.of(policy())


def _message(**members: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": "x", **members}}


def test_a_natural_answer_is_kept() -> None:
    world = _world()
    assert world.ask(chat()).record.cache.stored
    (entry,) = world.entries.values()
    assert entry.answer == completion()
    assert (entry.cost, entry.rung, entry.policy) == (85, "large", "team/bot")


@pytest.mark.parametrize(
    "answer",
    [
        completion(finish_reason="length"),
        completion(finish_reason="content_filter"),
        completion(finish_reason="tool_calls"),
        completion(finish_reason=None),
        completion(""),
        completion(logprobs={"content": []}),
        completion(**_message(tool_calls=CALLS)),
        completion(**_message(function_call={"name": "f"})),
        completion(**_message(refusal="I will not.")),
        completion(**_message(content=None)),
        completion(**_message(audio={"id": "a"})),
        completion()[:-1] + b', "error": {"message": "broken"}}',
        json.dumps({"error": {"message": "broken"}}).encode(),
        json.dumps({"choices": []}).encode(),
        json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}] * 2}).encode(),
        b"<html>Sign in</html>",
        b"[]",
        b"",
    ],
)
def test_any_other_answer_is_not(answer: bytes) -> None:
    world = _world()
    run = world.ask(chat(), answer=answer)
    assert not world.entries
    assert not run.record.cache.stored


@pytest.mark.parametrize("status", [201, 204, 206, 301, 400, 429, 500, 503, 0])
def test_only_status_200_is_kept(status: int) -> None:
    world = _world()
    run = world.begin()
    run.request(json.dumps(chat()).encode(), {})
    run.response(completion(), status=status)
    assert not world.entries


@pytest.mark.parametrize(
    "answer",
    [
        stream(finish="length"),
        stream(finish=None),
        stream(done=False),
        stream(done=False) + ERROR + b"data: [DONE]\n\n",
        ERROR + stream(),
        stream().replace(b'"content": "setti"', b'"tool_calls": [{"index": 0, "function": {}}]'),
        stream().replace(b'"finish_reason": null}', b'"logprobs": {"content": []}, "finish_reason": null}', 1),
        stream().replace(b'"index": 0', b'"index": 1', 1),
    ],
)
def test_an_odd_stream_is_not_kept(answer: bytes) -> None:
    world = _world()
    run = world.ask(chat(stream=True), answer=answer)
    assert not world.entries
    assert run.flowed


@settings(max_examples=300, deadline=None)
@given(cut_at=st.integers(0, len(stream())), end=st.booleans())
def test_no_beginning_of_a_stream_is_kept(cut_at: int, end: bool) -> None:
    world = _world()
    run = world.begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    begun = stream()[:cut_at]
    run.send(ResponseHeaders(NOW, {":status": "200", "content-type": "text/event-stream"}, end=False))
    run.send(ResponseBody(NOW, begun, end))
    run.send(Closed(NOW))
    # The official SDKs hang up on [DONE]: from there on the answer is whole.
    assert bool(world.entries) == (b"data: [DONE]" in begun)
    assert run.record.end == ("complete" if b"data: [DONE]" in begun else "error" if end else "aborted")


@settings(max_examples=100, deadline=None)
@given(cut_at=st.integers(0, len(completion()) - 1), end=st.booleans())
def test_no_beginning_of_a_whole_answer_is_kept(cut_at: int, end: bool) -> None:
    world = _world()
    run = world.begin()
    run.request(json.dumps(chat()).encode(), {})
    run.response(completion()[:cut_at], end=end)
    assert not world.entries
    assert run.record.end == ("error" if end else "aborted")


@pytest.mark.parametrize(("limit", "kept"), [(0, True), (-1, False)])
def test_an_answer_larger_than_what_is_read_is_not_kept(limit: int, kept: bool) -> None:
    size = len(completion())
    world = World.of(policy(), means=means(answer_limit=size + limit))
    run = world.begin()
    run.request(json.dumps(chat()).encode(), {})
    run.response(completion(), chunks=[100, 50])
    assert bool(world.entries) == kept
    assert run.flowed == completion()


def test_no_later_chunk_is_taken_for_the_end_of_a_larger_answer() -> None:
    """A chunk that is dropped must not let the ones around it join to another answer."""
    first, rest = completion("a" * 50)[:40], completion("a" * 50)[40:]
    noise = b'"padding": "' + b"x" * 500 + b'", '
    world = World.of(policy(), means=means(answer_limit=len(first) + len(rest)))
    run = world.begin()
    run.request(json.dumps(chat()).encode(), {})
    run.response(first + noise + rest, chunks=[len(first), len(noise)])
    assert not world.entries
    # What its end says of tokens is true all the same.
    assert (run.record.usage.output, run.record.usage.estimated) == (7, False)
