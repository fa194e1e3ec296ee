"""Answers are read whatever a provider sends: never an exception, never more than is there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.core.money import Usage
from costward_extproc.dialects.base import Reading
from costward_extproc.dialects.openai_chat_answer import read_stream, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import completion, stream

MEMBERS = [
    "choices",
    "delta",
    "message",
    "content",
    "usage",
    "error",
    "index",
    "finish_reason",
    "model",
    "role",
    "tool_calls",
    "function",
    "prompt_tokens",
    "completion_tokens",
    "prompt_tokens_details",
    "cached_tokens",
]
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "stop", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=25,
)


def _event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _delta(**delta: Any) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


END = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + b"data: [DONE]\n\n"


@settings(max_examples=150, deadline=None)
@given(documents=st.lists(ODD, max_size=4), done=st.booleans())
def test_any_document_has_a_reading(documents: list[Any], done: bool) -> None:
    body = b"".join(map(_event, documents)) + (b"data: [DONE]\n\n" if done else b"")
    assert isinstance(read_stream(body), Reading)
    for document in documents:
        assert isinstance(read_whole(json.dumps(document).encode()), Reading)


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=80) | st.text('data: {}[]\n\r":,DONE', max_size=80).map(str.encode))
def test_any_bytes_have_a_reading(body: bytes) -> None:
    assert read_stream(body).usage is None
    assert read_whole(body).storable is None


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_a_stream_reads_as_the_whole_answer(text: str) -> None:
    streamed, whole = read_stream(stream(text)), read_whole(completion(text))
    assert streamed.storable is not None
    assert whole.storable is not None
    assert json.loads(streamed.storable) == json.loads(whole.storable)
    assert (streamed.usage, streamed.model, streamed.text_seen) == (whole.usage, whole.model, whole.text_seen)
    assert streamed.usage == Usage(input=12, output=7)


def test_an_error_in_the_middle_ends_it() -> None:
    reading = read_stream(_delta(content="a") + _event({"error": {"message": "no"}}) + END)
    assert (reading.failed, reading.complete, reading.storable, reading.text_seen) == (True, False, None, "a")


def test_no_error_is_no_error() -> None:
    """Some servers send the member in every chunk."""
    usage = _event({"choices": [], "error": None, "usage": {"prompt_tokens": 3, "completion_tokens": 1}})
    reading = read_stream(_delta(content="a") + usage + END)
    assert (reading.failed, reading.complete, reading.usage) == (False, True, Usage(input=3, output=1))


def test_a_role_of_null_does_not_undo_the_role() -> None:
    reading = read_stream(_delta(role="assistant", content="a") + _delta(role=None, content="b") + END)
    assert reading.storable is not None
    assert json.loads(reading.storable)["choices"][0]["message"] == {"role": "assistant", "content": "ab"}


def test_members_that_are_not_known_here_are_kept() -> None:
    body = (
        _delta(role="assistant", content="a", reasoning_content="x") + _delta(content="b", reasoning_content="y") + END
    )
    body = body.replace(b'{"choices"', b'{"citations": ["c"], "obfuscation": "zz", "choices"')
    reading = read_stream(body)
    assert reading.storable is not None
    document = json.loads(reading.storable)
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "ab", "reasoning_content": "xy"}
    assert document["citations"] == ["c"]
    assert "obfuscation" not in document


def test_what_cannot_be_put_together_is_not_stored() -> None:
    pieces = _delta(role="assistant", content="a", annotations=[1]) + _delta(annotations=[2]) + END
    assert read_stream(pieces).storable is None


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({"content": "a"}, "a"),
        ({"reasoning_content": "a"}, "a"),
        ({"refusal": "a"}, "a"),
        (
            {"tool_calls": [{"index": 0, "id": "i", "type": "function", "function": {"name": "a", "arguments": "b"}}]},
            "ab",
        ),
        ({"function_call": {"name": "a", "arguments": "b"}}, "ab"),
        ({"role": "assistant"}, ""),
    ],
)
def test_all_that_is_charged_as_output_is_seen(delta: dict[str, Any], text: str) -> None:
    assert read_stream(_delta(**delta) + _delta(**delta)).text_seen == text * 2
    whole = {"choices": [{"index": 0, "message": delta, "finish_reason": "stop"}]}
    assert read_whole(json.dumps(whole).encode()).text_seen == text


def test_each_choice_is_read_by_itself() -> None:
    pieces = [
        _event({"choices": [{"index": index, "delta": {"content": text}}]})
        for index, text in ((0, "wo"), (1, "ot"), (0, "rd"), (1, "her"))
    ]
    reading = read_stream(b"".join(pieces) + END)
    assert reading.text_seen == "wordother"
    assert reading.storable is None


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt_tokens": 10, "completion_tokens": None},
        {"prompt_tokens": 10, "completion_tokens": -4},
        {"prompt_tokens": 10, "prompt_tokens_details": None, "completion_tokens_details": "x"},
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": -3}},
    ],
)
def test_odd_usage_is_never_negative(raw: dict[str, Any]) -> None:
    assert read_whole(json.dumps({"choices": [], "usage": raw}).encode()).usage == Usage(input=10)
