"""What a chat request asks for: the parts that caps, cache and routing rest on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.openai_chat import OpenAIChat

USER = {"role": "user", "content": "Hi"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/1.png"}}


def _read(**members: Any) -> Asked:
    return OpenAIChat().read_request(json.dumps({"model": "gpt-5", "messages": [USER], **members}).encode())


@pytest.mark.parametrize(
    ("members", "stream", "usage"),
    [
        ({}, False, False),
        ({"stream": True}, True, False),
        ({"stream": False}, False, False),
        ({"stream": None}, False, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": True, "stream_options": None}, True, False),
        ({"stream": True, "stream_options": "x"}, True, False),
    ],
)
def test_stream_and_usage(members: dict[str, Any], stream: bool, usage: bool) -> None:
    asked = _read(**members)
    assert (asked.stream, asked.include_usage) == (stream, usage)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", "Hi"),
        ("", None),
        (None, None),
        (7, None),
        ([{"type": "text", "text": "Hi"}], "Hi"),
        ([{"type": "text", "text": "Hi"}, PICTURE], "Hi"),
        ([{"type": "text", "text": "Hi"}, {"type": "text", "text": "Ho"}], None),
        ([{"type": "text", "text": 7}], None),
        ([PICTURE], None),
        (["Hi"], None),
        ([], None),
    ],
)
def test_the_last_user_text(content: Any, text: str | None) -> None:
    asked = _read(messages=[{"role": "user", "content": content}])
    assert asked.last_user_text == text
    assert (asked.uncacheable == "no-user-text") == (text is None)


@pytest.mark.parametrize("role", ["assistant", "tool", "system", None, ["user"]])
def test_another_last_turn_has_no_user_text(role: Any) -> None:
    assert _read(messages=[USER, {"role": role, "content": "Hi"}]).last_user_text is None


def test_messages_tools_and_images_are_counted() -> None:
    picture = {"role": "user", "content": [PICTURE, PICTURE]}
    plain, rich = _read(messages=[USER, USER]), _read(messages=[USER, picture], tools=[{"type": "function"}])
    assert (plain.messages, plain.tools, plain.flat_tokens) == (2, 0, 11)
    assert (rich.messages, rich.tools, rich.flat_tokens) == (2, 1, 11 + 2 * 1_105)


def test_prompt_text_is_all_that_is_charged_as_input() -> None:
    asked = _read(
        messages=[
            {"role": "system", "content": "SYS"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": "ARGS"}}]},
            {"role": "tool", "content": "RESULT"},
            {"role": "user", "content": [{"type": "text", "text": "ASK"}, PICTURE]},
        ],
        tools=[{"type": "function", "function": {"name": "TOOL"}}],
        functions=[{"name": "FUNC"}],
        response_format={"type": "json_schema", "json_schema": {"name": "SCHEMA"}},
    )
    text = OpenAIChat().prompt_text(asked)
    assert all(word in text for word in ("SYS", "ARGS", "RESULT", "ASK", "TOOL", "FUNC", "SCHEMA"))
    assert "https://a.example" not in text, "an image is charged by its size, not by its address"


def test_context_leaves_out_the_last_user_text_alone() -> None:
    one = _read(messages=[{"role": "system", "content": "S"}, {**USER, "content": "one"}])
    two = _read(messages=[{"role": "system", "content": "S"}, {**USER, "content": "two"}])
    assert OpenAIChat().context(one) == OpenAIChat().context(two)
    assert b'"S"' in OpenAIChat().context(one)
    assert b"one" not in OpenAIChat().context(one)


def test_reading_does_not_change_what_was_read() -> None:
    asked = _read(messages=[USER, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
    before = json.dumps(asked.document)
    OpenAIChat().context(asked)
    OpenAIChat().opening(asked)
    OpenAIChat().rewrite(asked, "x", ask_usage=True)
    assert json.dumps(asked.document) == before
