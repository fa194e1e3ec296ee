"""A stored answer comes out as the provider would have sent it: as JSON, or as a stream that adds up to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.openai_chat import OpenAIChat
from costward_extproc.dialects.openai_chat_answer import read_stream
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import completion

DIALECT = OpenAIChat()


def _asked(stream: bool = False, usage: bool = False) -> Asked:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}], "stream": stream, **options}
    return DIALECT.read_request(json.dumps(body).encode())


def _chunks(body: bytes) -> list[dict[str, Any]]:
    events = body.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=80) | st.text(" \n\t`ab", min_size=1, max_size=30)
)
def test_a_stream_adds_up_to_the_answer(text: str) -> None:
    stored = completion(text, message={"role": "assistant", "content": text, "annotations": [], "refusal": None})
    rendered = DIALECT.render_answer(stored, _asked(stream=True, usage=True), "x1", 5)
    reading = read_stream(rendered.body)
    assert reading.storable is not None
    assert json.loads(reading.storable) == {**json.loads(stored), "id": "chatcmpl-x1", "created": 5}


@pytest.mark.parametrize("usage", [True, False])
def test_the_shape_of_the_stream(usage: bool) -> None:
    rendered = DIALECT.render_answer(completion("one two"), _asked(stream=True, usage=usage), "x1", 5)
    assert rendered.content_type == "text/event-stream"
    chunks = _chunks(rendered.body)
    head = {"id": "chatcmpl-x1", "object": "chat.completion.chunk", "created": 5, "model": "gpt-5-2025-08-07"}
    assert all(chunk.items() >= head.items() for chunk in chunks)
    spoken = chunks[:-1] if usage else chunks
    assert spoken[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["finish_reason"] for chunk in spoken] == [None] * (len(spoken) - 1) + ["stop"]
    assert spoken[-1]["choices"][0]["delta"] == {}
    # With include_usage every other chunk carries usage: null; without it none does.
    assert all(("usage" in chunk) == usage and chunk.get("usage") is None for chunk in spoken)
    if usage:
        assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 19)


def test_as_json_only_id_and_time_are_new() -> None:
    rendered = DIALECT.render_answer(completion(" a\n b "), _asked(), "x1", 5)
    assert rendered.content_type == "application/json"
    expected = {**json.loads(completion(" a\n b ")), "id": "chatcmpl-x1", "created": 5}
    assert json.loads(rendered.body) == expected


def test_members_that_are_not_known_here_come_out_again() -> None:
    stored = json.dumps({**json.loads(completion()), "citations": ["c"], "system_fingerprint": "fp"}).encode()
    for chunk in _chunks(DIALECT.render_answer(stored, _asked(stream=True), "x1", 5).body):
        assert (chunk["citations"], chunk["system_fingerprint"]) == (["c"], "fp")
    assert json.loads(DIALECT.render_answer(stored, _asked(), "x1", 5).body)["citations"] == ["c"]


@pytest.mark.parametrize("text", ['Say "no"\n\\', "½ €", "data: [DONE]\n\n", ""])
def test_our_own_words(text: str) -> None:
    whole = DIALECT.render_text(text, _asked(), "x1", 5)
    assert json.loads(whole.body)["choices"][0]["message"]["content"] == text
    streamed = read_stream(DIALECT.render_text(text, _asked(stream=True), "x1", 5).body)
    assert streamed.complete
    assert streamed.text_seen == text


def test_an_error_has_the_four_members_that_sdks_require() -> None:
    rendered = DIALECT.render_error('"Over"\n', "insufficient_quota", "budget_exceeded", {"cap": "c"})
    assert json.loads(rendered.body) == {
        "error": {
            "message": '"Over"\n',
            "type": "insufficient_quota",
            "param": None,
            "code": "budget_exceeded",
            "details": {"cap": "c"},
        }
    }
