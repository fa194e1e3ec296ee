"""A stored message comes out as the provider would have sent it, and a refusal in the provider's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.anthropic_messages import AnthropicMessages
from costward_extproc.dialects.anthropic_messages_answer import read_stream, read_whole
from costward_extproc.dialects.base import Asked
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.anthropic_fixtures import USAGE, ask, body_of, message

DIALECT = AnthropicMessages()


def _asked(stream: bool = False) -> Asked:
    return DIALECT.read_request(body_of(ask(stream=stream)))


def _events(body: bytes) -> list[dict[str, Any]]:
    events = body.decode().split("\n\n")
    assert events.pop() == ""
    lines = [event.split("\n") for event in events]
    read = [json.loads(data.removeprefix("data: ")) for _, data in lines]
    assert [name.removeprefix("event: ") for name, _ in lines] == [event["type"] for event in read]
    return read


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=80) | st.text(" \n\t`ab", min_size=1, max_size=30),
        min_size=1,
        max_size=3,
    )
)
def test_a_stream_adds_up_to_the_answer(texts: list[str]) -> None:
    stored = message(*texts, x_later={"a": 1})
    rendered = DIALECT.render_answer(json.dumps(stored).encode(), _asked(stream=True), "x1", 5)
    reading = read_stream(rendered.body)
    assert reading.storable is not None
    assert json.loads(reading.storable) == {**stored, "id": "msg_x1"}


def test_the_order_of_the_events() -> None:
    rendered = DIALECT.render_answer(json.dumps(message("one two", "three")).encode(), _asked(stream=True), "x1", 5)
    assert rendered.content_type.startswith("text/event-stream")
    events = _events(rendered.body)
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    begun, ended = events[0]["message"], events[-2]
    assert (begun["id"], begun["content"], begun["stop_reason"]) == ("msg_x1", [], None)
    assert begun["usage"] == {**USAGE, "output_tokens": 1}
    assert ended["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert (ended["usage"]["output_tokens"], ended["usage"]["cache_read_input_tokens"]) == (7, 40_000)
    assert events[1] == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def test_as_json_it_is_the_stored_answer_under_a_new_id() -> None:
    stored = message("Open settings.", x_later=1)
    rendered = DIALECT.render_answer(json.dumps(stored).encode(), _asked(), "x1", 5)
    assert rendered.content_type == "application/json"
    assert json.loads(rendered.body) == {**stored, "id": "msg_x1"}
    assert list(json.loads(rendered.body)) == list(stored)


def test_what_was_streamed_serves_both_forms() -> None:
    kept = read_stream(DIALECT.render_answer(json.dumps(message("a b")).encode(), _asked(stream=True), "x", 0).body)
    assert kept.storable is not None
    again = read_whole(DIALECT.render_answer(kept.storable, _asked(), "y", 0).body)
    assert (again.text_seen, again.usage, again.complete) == ("a b", kept.usage, True)


@pytest.mark.parametrize("stream", [True, False])
def test_our_own_words_cost_nothing(stream: bool) -> None:
    rendered = DIALECT.render_text("Your plan is used up.", _asked(stream), "x1", 5)
    reading = read_stream(rendered.body) if stream else read_whole(rendered.body)
    assert (reading.text_seen, reading.complete, reading.model) == ("Your plan is used up.", True, "claude-sonnet-4-6")
    assert reading.usage is not None
    assert (reading.usage.input, reading.usage.output) == (0, 0)


@pytest.mark.parametrize(
    ("given_type", "type"),
    [
        ("insufficient_quota", "rate_limit_error"),
        ("server_error", "api_error"),
        ("timeout", "timeout_error"),
        ("invalid_request_error", "invalid_request_error"),
        ("not_found_error", "not_found_error"),
        ("overloaded_error", "overloaded_error"),
        ("of_next_year", "api_error"),
    ],
)
def test_an_error_has_the_provider_s_shape(given_type: str, type: str) -> None:
    rendered = DIALECT.render_error("No.", given_type, "budget_exceeded", {"cap": "free/User/Day"}, "x1")
    assert rendered.content_type == "application/json"
    details = {"code": "budget_exceeded", "cap": "free/User/Day"}
    error = {"type": type, "message": "No.", "details": details}
    assert json.loads(rendered.body) == {"type": "error", "error": error, "request_id": "x1"}
