"""Messages are read whatever a provider sends: never an exception, never more than is there, cut at any byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.core.money import Usage
from costward_extproc.dialects.anthropic_messages_answer import read_stream, read_whole
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.anthropic_fixtures import ANSWERS, MODEL, STREAMS, event, message, stream

COUNTED = Usage(input=43_012, output=7, cached_input=40_000, cache_write=3_000, cache_write_1h=2_000)
KEPT = ("text", "two-texts", "crlf")

MEMBERS = [
    "type",
    "message",
    "content",
    "content_block",
    "delta",
    "index",
    "usage",
    "error",
    "text",
    "thinking",
    "partial_json",
    "citations",
    "stop_reason",
    "input_tokens",
    "output_tokens",
    "cache_creation",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "ephemeral_1h_input_tokens",
    "output_tokens_details",
    "input",
    "name",
    "model",
]
KINDS = [
    "message_start",
    "message_delta",
    "message_stop",
    "message",
    "content_block_start",
    "content_block_delta",
    "text_delta",
    "input_json_delta",
    "text",
    "tool_use",
    "error",
    "end_turn",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats(allow_nan=False) | st.sampled_from(["", *KINDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(documents=st.lists(ODD, max_size=5), kind=st.sampled_from(KINDS))
def test_any_document_has_a_reading(documents: list[Any], kind: str) -> None:
    typed = [{**document, "type": kind} if isinstance(document, dict) else document for document in documents]
    body = b"".join(b"data: " + json.dumps(document).encode() + b"\n\n" for document in [*documents, *typed])
    readings = [read_stream(body), *(read_whole(json.dumps(document).encode()) for document in documents)]
    for reading in readings:
        usage = reading.usage or Usage()
        assert min(usage.input - usage.cached_input - usage.cache_write, usage.output, usage.reasoning) >= 0
        assert 0 <= usage.cache_write_1h <= usage.cache_write
        assert reading.storable is None or reading.complete


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | st.text().map(str.encode))
@example(
    b'data: {"type":"content_block_start","index":0,"content_block":{"input":' + b"[" * 900 + b"]" * 900 + b"}}\n\n"
)
@example(b'data: {"type":"message_delta","delta":{"x":' + b"[" * 900 + b"]" * 900 + b"}}\n\n")
def test_any_bytes_have_a_reading(body: bytes) -> None:
    assert read_stream(body).storable is None
    assert read_whole(body).storable is None


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_any_byte_it_gives_what_came_until_there(name: str) -> None:
    whole = read_stream(STREAMS[name])
    said = -1
    for end in range(len(STREAMS[name])):
        reading = read_stream(STREAMS[name][:end])
        assert reading.storable is None or STREAMS[name][end:].strip() == b""
        assert whole.text_seen.startswith(reading.text_seen)
        assert len(reading.text_seen) >= said
        said = len(reading.text_seen)
        if reading.usage is not None:
            assert reading.usage.input == whole.usage.input if whole.usage else False
            assert reading.output_final == (reading.usage == whole.usage and whole.output_final)
        assert reading.complete <= whole.complete


@pytest.mark.parametrize("name", STREAMS)
def test_usage_and_end(name: str) -> None:
    reading = read_stream(STREAMS[name])
    broken = name == "error-in-the-middle"
    assert (reading.complete, reading.failed, reading.output_final) == (not broken, broken, not broken)
    assert reading.usage == (COUNTED if not broken else Usage(43_012, 1, 40_000, 3_000, cache_write_1h=2_000))
    assert reading.model == "claude-sonnet-4-6"
    assert (reading.storable is not None) == (name in KEPT)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_is_the_same_answer_as_its_json(name: str) -> None:
    body = json.dumps(ANSWERS[name]).encode()
    whole, streamed = read_whole(body), read_stream(STREAMS[name])
    assert (whole.usage, whole.model, whole.complete) == (streamed.usage, streamed.model, streamed.complete)
    assert (whole.storable is None) == (streamed.storable is None)
    if streamed.storable is not None:
        assert whole.storable == body
        assert json.loads(streamed.storable) == ANSWERS[name]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (message("a", citations=None), None),
        (message({"type": "text", "text": "a", "citations": None}), None),
        (message({"type": "text", "text": "a", "citations": [{"type": "char_location"}]}), "citations"),
        (message(""), "nothing said"),
        (message("a", stop="refusal"), "refused"),
        (message("a", container={"id": "c"}), "a container"),
        (message("a", diagnostics={"cache_miss_reason": {}}), "speaks of another request"),
        (message("a", usage=None), "no usage"),
        ({**message("a"), "error": {"type": "api_error"}}, "an error"),
        ({**message("a"), "content": "a"}, "odd content"),
        ({**message("a"), "content": ["a"]}, "odd content"),
    ],
)
def test_what_is_kept(answer: dict[str, Any], why: str | None) -> None:
    assert (read_whole(json.dumps(answer).encode()).storable is None) == (why is not None), why


def test_an_answer_that_is_an_error() -> None:
    reading = read_whole(b'{"type":"error","error":{"type":"overloaded_error","message":"x"},"request_id":"r"}')
    assert (reading.failed, reading.complete, reading.usage) == (True, False, None)


def _with_usage(begun: dict[str, Any], *later: dict[str, Any]) -> Usage | None:
    events = [event("message_start", message={"model": MODEL, "usage": begun})]
    events += [event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage) for usage in later]
    return read_stream(b"".join(events)).usage


def test_later_totals_replace_earlier_ones_and_silence_changes_nothing() -> None:
    begun = {"input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 1}
    assert _with_usage(begun, {"output_tokens": 5}) == Usage(110, 5, 100)
    assert _with_usage(begun, {"output_tokens": 5, "cache_read_input_tokens": None}) == Usage(110, 5, 100)
    assert _with_usage(begun, {"output_tokens": 5}, {"output_tokens": 9}) == Usage(110, 9, 100)
    more = {"input_tokens": 30, "cache_read_input_tokens": 200, "cache_creation_input_tokens": None, "output_tokens": 5}
    assert _with_usage(begun, more) == Usage(230, 5, 200)


@pytest.mark.parametrize(
    ("delta", "usage", "final"),
    [
        ({"stop_reason": "end_turn"}, {"output_tokens": 5}, True),
        ({"stop_reason": None}, {"output_tokens": 5}, False),
        ({"stop_reason": "end_turn"}, {}, False),
        ({"stop_reason": "end_turn"}, None, False),
    ],
)
def test_only_a_total_that_comes_with_the_end_is_the_last_word(delta: Any, usage: Any, final: bool) -> None:
    begun = event("message_start", message={"model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}})
    assert read_stream(begun + event("message_delta", delta=delta, usage=usage)).output_final == final


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"input_tokens": 10, "output_tokens": 2}, Usage(10, 2)),
        ({"output_tokens": 2}, Usage(0, 2)),
        ({"input_tokens": 10, "output_tokens": -2}, Usage(10)),
        ({"input_tokens": 10, "cache_creation_input_tokens": 5}, Usage(15, cache_write=5)),
        (
            {"input_tokens": 1, "cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 5}},
            Usage(6, cache_write=5, cache_write_1h=5),
        ),
        (
            {"input_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 5, "ephemeral_5m_input_tokens": 2}},
            Usage(8, cache_write=7, cache_write_1h=5),
        ),
        ({"input_tokens": 1, "cache_creation": "x", "cache_read_input_tokens": None}, Usage(1)),
        (
            {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
            Usage(1, 9, 0, 0, 4),
        ),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_input_is_the_sum_of_what_is_counted_apart(raw: Any, usage: Usage | None) -> None:
    assert read_whole(json.dumps({**message("a"), "usage": raw}).encode()).usage == usage


ERROR = event("error", error={"type": "api_error", "message": "x"})
REOPENED = event("content_block_start", index=0, content_block={"type": "text", "text": ""})


@pytest.mark.parametrize(
    ("before", "more", "complete"),
    [
        (b"event: message_delta", REOPENED, True),
        (b"event: message_stop", ERROR, False),
        (b"event: message_delta", ERROR, False),
    ],
)
def test_a_stream_with_something_amiss_is_not_kept(before: bytes, more: bytes, complete: bool) -> None:
    reading = read_stream(STREAMS["text"].replace(before, more + before))
    assert (reading.complete, reading.storable) == (complete, None)


def test_an_end_without_a_reason_is_no_end() -> None:
    reading = read_stream(STREAMS["text"].replace(b'"stop_reason": "end_turn"', b'"stop_reason": null'))
    assert (reading.complete, reading.output_final, reading.storable) == (False, False, None)


def test_members_that_are_not_known_here_are_kept() -> None:
    body = stream(message("a", context_management={"applied_edits": []}, x_later=[1]))
    reading = read_stream(body.replace(b'"stop_sequence": null}', b'"stop_sequence": null, "x_end": 2}'))
    assert reading.storable is not None
    kept = json.loads(reading.storable)
    assert (kept["context_management"], kept["x_later"], kept["x_end"]) == ({"applied_edits": []}, [1], 2)


def test_too_long_to_keep_it_is_read_from_its_two_ends() -> None:
    body = stream(message("a b c " * 500))
    reading = read_stream(body[:2_000] + b"\n\n" + body[-2_000:])
    assert (reading.usage, reading.output_final, reading.complete) == (COUNTED, True, True)
