"""What a responses request asks for: the parts that caps, cache and routing rest on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.openai_responses import OpenAIResponses
from costward_extproc.dialects.strict_json import Unreadable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.responses_fixtures import agent_request, call, reasoning

DIALECT = OpenAIResponses()
USER = {"role": "user", "content": "Hi"}
PICTURE = {"type": "input_image", "image_url": "https://a.example/1.png"}
FUNCTION = {"type": "function", "name": "f", "parameters": {}}


def _read(**members: Any) -> Asked:
    return DIALECT.read_request(json.dumps({"model": "gpt-5", "input": "Hi", **members}).encode())


def _text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("Hi", "Hi"),
        ([USER], "Hi"),
        ([{**USER, "type": "message"}], "Hi"),
        ([{"role": "user", "content": [_text("Hi")]}], "Hi"),
        ([{"role": "user", "content": [_text("Hi"), PICTURE]}], "Hi"),
        ([{"role": "user", "content": [_text("Hi"), _text("Ho")]}], None),
        ([{"role": "user", "content": [PICTURE]}], None),
        ([USER, {"role": "assistant", "content": "Ho"}], None),
        ([USER, {"type": "function_call_output", "call_id": "c", "output": "x"}], None),
        ([{"type": ["message"], "role": "user", "content": "Hi"}], None),
    ],
)
def test_the_last_user_text(given: Any, text: str | None) -> None:
    asked = _read(input=given)
    assert asked.last_user_text == text
    assert (asked.uncacheable == "no-user-text") == (text is None)


@pytest.mark.parametrize("given", [None, [], 7, ["Hi"], [USER, "x"], {}])
def test_what_is_no_input_is_not_read(given: Any) -> None:
    with pytest.raises(Unreadable, match="not-responses"):
        _read(input=given)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, None),
        ({"store": False}, None),
        ({"store": True}, "stored-conversation"),
        ({"background": True}, "stored-conversation"),
        ({"previous_response_id": "resp_1"}, "stored-conversation"),
        ({"conversation": {"id": "conv_1"}}, "stored-conversation"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}, USER]}, "stored-conversation"),
        ({"tools": [FUNCTION, {"type": "custom", "name": "c"}]}, None),
        *[
            ({"tools": [FUNCTION, {"type": kind}]}, "changing-answer")
            for kind in (
                "web_search",
                "file_search",
                "code_interpreter",
                "computer_use_preview",
                "mcp",
                "image_generation",
            )
        ],
        ({"tools": "odd"}, "changing-answer"),
        ({"tools": [7]}, "changing-answer"),
        ({"prompt": {"id": "pmpt_1"}}, "changing-answer"),
        ({"top_logprobs": 2}, "logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "logprobs"),
        ({"stream": 1}, "odd-stream"),
        ({"input": "\ud800"}, "lone-surrogate"),
        ({"input": "x" * 300_000}, "large-body"),
    ],
)
def test_what_must_not_be_served_again(members: dict[str, Any], why: str | None) -> None:
    assert _read(**members).uncacheable == why


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, None),
        ({"previous_response_id": "resp_1"}, "previous-response"),
        ({"conversation": "conv_1"}, "previous-response"),
        ({"input": [USER, {"type": "item_reference", "id": "x"}]}, "previous-response"),
        ({"input": [USER, reasoning(), USER]}, "reasoning-items"),
        ({"input": [USER, call(), USER]}, None),
    ],
)
def test_a_model_that_must_stay(members: dict[str, Any], why: str | None) -> None:
    assert _read(**members).pinned == why


def test_a_stored_prompt_or_conversation_needs_no_input() -> None:
    for members in ({"prompt": {"id": "p"}}, {"conversation": "c"}, {"previous_response_id": "r"}):
        asked = _read(input=None, **members)
        assert (asked.messages, asked.last_user_text) == (0, None)
        assert DIALECT.prompt_text(asked) == ""
        DIALECT.context(asked)
        DIALECT.opening(asked)


def test_who_asks() -> None:
    asked = _read(user="u", safety_identifier="s", conversation={"id": "conv_1"})
    assert (asked.user, asked.session) == ("s", "conv_1")
    assert (_read(user="u").user, _read(conversation="conv_2").session) == ("u", "conv_2")


def test_limits_and_counts() -> None:
    asked = _read(max_output_tokens=99, tools=[FUNCTION], input=[USER, {"role": "user", "content": [PICTURE]}])
    assert (asked.max_output, asked.tools, asked.agent_turn, asked.messages) == (99, 1, True, 2)
    assert asked.flat_tokens == 3 + 2 * 4 + 1_105
    assert _read(input=[reasoning(), USER]).flat_tokens == 3 + 2 * 4 + 100
    assert (_read(stream=True).stream, _read().include_usage) == (True, True)


def test_prompt_text_is_all_that_is_charged_as_input() -> None:
    output = [{"type": "input_text", "text": "PART"}, PICTURE]
    asked = _read(
        instructions="INSTR",
        input=[
            {"role": "developer", "content": [_text("DEV")]},
            {"type": "function_call", "name": "NAME", "arguments": "ARGS", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "RESULT"},
            {"type": "function_call_output", "call_id": "d", "output": output},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "SAID"}]},
            {"role": "user", "content": [_text("ASK"), PICTURE]},
        ],
        tools=[{**FUNCTION, "name": "TOOL"}],
        text={"format": {"type": "json_schema", "name": "SCHEMA", "schema": {}}},
    )
    text = DIALECT.prompt_text(asked)
    for word in ("INSTR", "DEV", "NAME", "ARGS", "RESULT", "PART", "SAID", "ASK", "TOOL", "SCHEMA"):
        assert word in text
    assert "https://a.example" not in text


def test_context_leaves_out_the_last_user_text_alone() -> None:
    def context(**members: Any) -> bytes:
        return DIALECT.context(_read(**members))

    assert context(input="one") == context(input="two") == context(input=[{"role": "user", "content": "three"}])
    assert context(input=[USER, USER]) != context(input=[{**USER, "content": "Ho"}, USER])
    same = {"metadata": {"a": "b"}, "user": "u", "stream": True, "prompt_cache_key": "k", "service_tier": "flex"}
    assert context(**same) == context()
    others: list[dict[str, Any]] = [
        {"instructions": "x"},
        {"store": False},
        {"temperature": 0},
        {"text": {}},
        {"x_new": 1},
    ]
    for other in others:
        assert context(**other) != context()


def test_the_opening_is_the_same_for_all_turns_of_an_agent() -> None:
    assert DIALECT.opening(_read(**agent_request(2))) == DIALECT.opening(_read(**agent_request(9)))
    assert DIALECT.opening(_read(input="a")) != DIALECT.opening(_read(input="b"))


def test_a_request_of_an_agent_is_read_whole() -> None:
    body = json.dumps(agent_request(), indent=None).encode()
    asked = DIALECT.read_request(body)
    assert len(body) > 200_000
    assert (asked.tools, asked.messages, asked.agent_turn, asked.pinned) == (60, 202, True, "reasoning-items")
    assert asked.last_user_text is None


@settings(max_examples=200, deadline=None)
@given(
    document=st.dictionaries(
        st.sampled_from(
            ["input", "model", "tools", "text", "conversation", "instructions", "prompt", "include", "stream"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["role", "type", "content", "text", "output", "id"]), inner, max_size=4
                )
            ),
            max_leaves=12,
        ),
    )
)
def test_any_request_is_read_or_called_unreadable(document: dict[str, Any]) -> None:
    try:
        asked = DIALECT.read_request(json.dumps({"model": "m", **document}).encode())
    except Unreadable:
        return
    before = json.dumps(asked.document)
    assert isinstance(DIALECT.prompt_text(asked), str)
    DIALECT.context(asked)
    DIALECT.opening(asked)
    DIALECT.rewrite(asked, "x", ask_usage=True)
    assert json.dumps(asked.document) == before
