"""Responses are read whatever comes: whole, streamed, cut at any byte, or nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.core.money import Usage
from costward_extproc.dialects.base import Reading
from costward_extproc.dialects.openai_responses_answer import read_stream, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.responses_fixtures import STREAMS, call, message, reasoning, response, stream

SAID = Usage(input=120, output=30, cached_input=64, cache_write=8, reasoning=12)
MEMBERS = [
    "type",
    "response",
    "usage",
    "input_tokens",
    "output_tokens",
    "output",
    "content",
    "item",
    "delta",
    "error",
    "status",
    "text",
    "model",
    "summary",
]
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "completed", "message", "output_text", "response.completed", "response.created", "error"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=25,
)


def _whole(*output: dict[str, Any], **members: Any) -> Reading:
    return read_whole(json.dumps(response(*output, **members)).encode())


@settings(max_examples=200, deadline=None)
@given(documents=st.lists(ODD, max_size=4))
def test_any_document_has_a_reading(documents: list[Any]) -> None:
    body = b"".join(b"event: x\ndata: " + json.dumps(document).encode() + b"\n\n" for document in documents)
    assert isinstance(read_stream(body), Reading)
    for document in documents:
        assert isinstance(read_whole(json.dumps(document).encode()), Reading)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=80) | st.text('data: {}[]\n\r":,usageinput_tokens1', max_size=90).map(str.encode))
def test_any_bytes_have_a_reading(body: bytes) -> None:
    assert read_stream(body).storable is None
    assert read_whole(body).storable is None


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in ("failed", "error")])
def test_a_stream_tells_usage_and_its_end(name: str) -> None:
    reading = read_stream(STREAMS[name])
    assert (reading.usage, reading.model, reading.complete) == (SAID, "gpt-5-2025-08-07", True)
    assert (reading.storable is not None) == (name in ("text", "unicode, CR LF", "two messages"))


@pytest.mark.parametrize("name", ["failed", "error"])
def test_an_error_ends_it(name: str) -> None:
    reading = read_stream(STREAMS[name])
    assert (reading.failed, reading.complete, reading.storable) == (True, False, None)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_anywhere_tells_what_came(name: str) -> None:
    body, whole = STREAMS[name], read_stream(STREAMS[name])
    for end in range(len(body)):
        reading = read_stream(body[:end])
        assert whole.text_seen.startswith(reading.text_seen)
        assert reading.usage in (None, whole.usage)
        if reading.complete or reading.storable:
            assert reading == whole


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_a_stream_reads_as_the_whole_answer(text: str) -> None:
    document = response(message(text))
    streamed, whole = read_stream(stream(document)), read_whole(json.dumps(document).encode())
    assert streamed.storable is not None
    assert whole.storable is not None
    assert json.loads(streamed.storable) == json.loads(whole.storable) == document
    assert (streamed.usage, streamed.text_seen) == (whole.usage, whole.text_seen) == (SAID, text)


@pytest.mark.parametrize(
    "reading",
    [
        _whole(reasoning(), message()),
        _whole(call()),
        _whole(message(), call()),
        _whole(message(annotations=[{"type": "url_citation"}])),
        _whole(message(logprobs=[{"token": "a"}])),
        _whole(message(type="refusal")),
        _whole(message("")),
        _whole({**message(), "content": []}),
        _whole({**message(), "status": "incomplete"}),
        _whole(status="incomplete", incomplete_details={"reason": "content_filter"}),
        _whole(status="in_progress"),
        _whole(status="queued", output=[]),
        _whole(status="failed", error={"code": "x"}),
        _whole(error={"code": "x"}),
        _whole(output=[]),
        _whole(output=[message(), "x"]),
    ],
)
def test_only_whole_plain_texts_are_stored(reading: Reading) -> None:
    assert reading.storable is None


def test_all_that_is_charged_as_output_is_seen() -> None:
    reading = read_stream(STREAMS["reasoning and parallel calls"])
    assert reading.text_seen == "shell" + call(1)["arguments"] + "shell" + call(2)["arguments"]
    whole = _whole(reasoning(), call(1), message("Done."))
    assert whole.text_seen == "Think." + "shell" + call(1)["arguments"] + "Done."


@pytest.mark.parametrize("encode", [stream, lambda document: json.dumps(document).encode()])
def test_usage_is_found_at_the_end_of_an_answer_too_long_to_keep(encode: Any) -> None:
    document = response(message('"usage": {"input_tokens": 1, "output_tokens": 2}' * 40))
    body = encode(document)
    tail = body[-700:]
    assert read_stream(tail).usage == read_whole(tail).usage == SAID


def test_a_text_about_usage_is_no_usage() -> None:
    body = stream(response(message('"usage": {"input_tokens": 7, "output_tokens": 7}')))
    reading = read_stream(body[: body.rindex(b"event: response.completed")])
    assert (reading.usage, reading.complete) == (None, False)
    assert "input_tokens" in reading.text_seen


@pytest.mark.parametrize(
    "raw",
    [
        {"input_tokens": 10, "output_tokens": None},
        {"input_tokens": 10, "output_tokens": -4},
        {"input_tokens": 10, "input_tokens_details": None, "output_tokens_details": "x"},
        {"input_tokens": 10, "input_tokens_details": {"cached_tokens": -3}},
    ],
)
def test_odd_usage_is_never_negative(raw: dict[str, Any]) -> None:
    assert _whole(usage=raw).usage == Usage(input=10)
