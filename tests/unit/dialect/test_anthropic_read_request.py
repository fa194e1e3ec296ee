"""What a messages request asks for: the parts that caps, cache and routing rest on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.anthropic_messages import AnthropicMessages
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.strict_json import Unreadable

from tests.fakes.anthropic_fixtures import SESSION, USER_ID, agent, ask, body_of, call, thought, tool

DIALECT = AnthropicMessages()
TEXT = {"type": "text", "text": "Hi"}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a.example/1.png"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12C"}


def _read(**members: Any) -> Asked:
    return DIALECT.read_request(body_of(ask(**members)))


def _ending(content: Any, role: Any = "user") -> Asked:
    return _read(messages=[{"role": role, "content": content}])


def test_an_agent_s_request() -> None:
    body = body_of(agent())
    asked = DIALECT.read_request(body)
    assert len(body) > 200_000
    assert (asked.model, asked.stream, asked.include_usage, asked.max_output) == (
        "claude-sonnet-4-6",
        True,
        True,
        32_000,
    )
    assert (asked.tools, asked.messages, asked.agent_turn, asked.last_user_text) == (60, 51, True, "Fix it.")
    assert (asked.uncacheable, asked.pinned, asked.session) == (None, "signed-thinking", SESSION)


@pytest.mark.parametrize("streams", [{}, {"stream": False}, {"stream": True}])
def test_a_stream_always_tells_its_usage(streams: dict[str, Any]) -> None:
    asked = _read(**streams)
    assert (asked.stream, asked.include_usage) == (streams.get("stream", False), True)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", "Hi"),
        ("", None),
        (None, None),
        (7, None),
        ([TEXT], "Hi"),
        ([TEXT, PICTURE], "Hi"),
        ([{**TEXT, "cache_control": {"type": "ephemeral"}}], "Hi"),
        ([TEXT, TEXT], None),
        ([{"type": "text", "text": 7}], None),
        ([{"type": "text", "text": ""}], None),
        ([RESULT], None),
        ([PICTURE], None),
        (["Hi"], None),
        ([], None),
    ],
)
def test_the_last_user_text(content: Any, text: str | None) -> None:
    asked = _ending(content)
    assert asked.last_user_text == text
    assert (asked.uncacheable == "no-user-text") == (text is None)


@pytest.mark.parametrize("role", ["assistant", "system", None, ["user"]])
def test_another_last_turn_has_no_user_text(role: Any) -> None:
    assert _ending("Hi", role).last_user_text is None


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, None),
        ({"tools": [tool(1), {"type": "custom", **tool(2)}, {"type": "bash_20250124", "name": "bash"}]}, None),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "changing-answer"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "changing-answer"),
        ({"tools": [{"type": "code_execution_20260521", "name": "code_execution"}]}, "changing-answer"),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]}, "changing-answer"),
        ({"mcp_servers": [{"type": "url", "url": "https://a.example", "name": "x"}]}, "changing-answer"),
        ({"container": "container_1"}, "changing-answer"),
        ({"diagnostics": {"previous_message_id": "msg_1"}}, "diagnostics"),
        ({"stream": 1}, "odd-stream"),
        ({"messages": [{"role": "user", "content": "x" * 300_000}]}, "large-body"),
    ],
)
def test_why_no_tier_may_serve_it(members: dict[str, Any], reason: str | None) -> None:
    assert _read(**members).uncacheable == reason


def test_half_of_a_surrogate_pair_is_kept_away_from_the_cache() -> None:
    asked = DIALECT.read_request(json.dumps(ask("\ud83d")).encode())
    assert asked.uncacheable == "lone-surrogate"


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([TEXT], None),
        ([thought("x"), TEXT], "signed-thinking"),
        ([{"type": "thinking", "thinking": "x", "signature": ""}, TEXT], None),
        ([{"type": "redacted_thinking", "data": "AAAA"}, TEXT], "signed-thinking"),
    ],
)
def test_signed_thinking_keeps_the_model(blocks: list[Any], reason: str | None) -> None:
    asked = _read(messages=[{"role": "assistant", "content": blocks}, {"role": "user", "content": "Go on"}])
    assert asked.pinned == reason


def test_a_path_that_names_the_model_keeps_it() -> None:
    document = ask()
    del document["model"]
    asked = DIALECT.read_request(body_of(document), "claude-on-the-path")
    assert (asked.model, asked.pinned) == ("claude-on-the-path", "model-in-path")


@pytest.mark.parametrize(
    ("user_id", "user", "session"),
    [
        (USER_ID, USER_ID.rpartition("_session_")[0], SESSION),
        (f"user_1_account_2_session_{SESSION}", "user_1_account_2", SESSION),
        (json.dumps({"device_id": "d", "account_uuid": "a", "session_id": SESSION}), "a", SESSION),
        (json.dumps({"device_id": "d", "account_uuid": "", "session_id": SESSION}), "d", SESSION),
        (json.dumps({"device_id": 7}), None, None),
        ("{not json", None, None),
        ("ada", "ada", None),
        ("my_session_key", "my_session_key", None),
        ("user_1_session_", "user_1_session_", None),
        ("", None, None),
        ("x" * 2_000, None, None),
        (7, None, None),
    ],
)
def test_who_asks_in_which_conversation(user_id: Any, user: str | None, session: str | None) -> None:
    asked = _read(metadata={"user_id": user_id})
    assert (asked.user, asked.session) == (user, session)


@pytest.mark.parametrize("metadata", [None, [], "ada", {}])
def test_no_identity_in_the_body(metadata: Any) -> None:
    asked = _read(metadata=metadata)
    assert (asked.user, asked.session) == (None, None)


@pytest.mark.parametrize("block", [call("read"), RESULT, {**call("x"), "type": "server_tool_use"}])
def test_tools_in_the_history_are_an_agent_s_turn(block: dict[str, Any]) -> None:
    assert not _read().agent_turn
    assert _read(messages=[{"role": "assistant", "content": [block]}, {"role": "user", "content": "Hi"}]).agent_turn


def test_what_no_text_shows_is_counted() -> None:
    page = {"type": "document", "source": {"type": "base64", "data": "A" * 100_000}}
    assert _read().flat_tokens == 4
    assert _read(tools=[tool(1)]).flat_tokens == 4 + 346
    assert _ending([TEXT, PICTURE]).flat_tokens == 4 + 4_784
    assert _ending([{**RESULT, "content": [PICTURE]}]).flat_tokens == 4 + 4_784
    assert _ending([page]).flat_tokens == 4 + 2 * 3_000
    assert _ending([{"type": "document", "source": {"type": "text", "data": "plain"}}]).flat_tokens == 4


def test_prompt_text_is_all_that_is_charged_as_input() -> None:
    said = [{"type": "thinking", "thinking": "THOUGHT", "signature": "SIGNED"}, call("CALLED", path="ARGS")]
    spelled = {"type": "document", "title": "TITLE", "source": {"type": "text", "data": "PLAIN"}}
    blocks = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "WITHIN"}]}}
    asked = _read(
        system=[{"type": "text", "text": "SYS"}],
        messages=[
            {"role": "assistant", "content": said},
            {"role": "user", "content": [{**RESULT, "content": [{"type": "text", "text": "RESULT"}]}]},
            {"role": "user", "content": [{"type": "text", "text": "ASK"}, spelled, blocks, PICTURE]},
        ],
        tools=[{"name": "TOOL", "input_schema": {}}],
    )
    text = DIALECT.prompt_text(asked)
    words = ("SYS", "THOUGHT", "CALLED", "ARGS", "RESULT", "ASK", "TITLE", "PLAIN", "WITHIN", "TOOL")
    assert [word for word in words if word not in text] == []
    assert "SIGNED" not in text
    assert "https://a.example" not in text, "a picture is charged by its size, not by its address"
    assert "SYS" in DIALECT.prompt_text(_read(system="SYS"))


@pytest.mark.parametrize(
    "document",
    [
        {"messages": [{}]},
        {"model": "claude"},
        {"model": "", "messages": [{}]},
        {"model": 7, "messages": [{}]},
        {"model": "\ud83d", "messages": [{}]},
        {"model": "claude", "messages": []},
        {"model": "claude", "messages": ["Hi"]},
        {"model": "claude", "messages": {}},
    ],
)
def test_what_is_no_messages_request(document: Any) -> None:
    with pytest.raises(Unreadable, match="not-messages"):
        DIALECT.read_request(json.dumps(document).encode())


def test_reading_does_not_change_what_was_read() -> None:
    asked = DIALECT.read_request(body_of(agent(turns=2, tools=2)))
    before = json.dumps(asked.document)
    DIALECT.context(asked)
    DIALECT.opening(asked)
    DIALECT.prompt_text(asked)
    DIALECT.rewrite(asked, "x", ask_usage=True)
    assert json.dumps(asked.document) == before


def test_all_turns_of_a_conversation_begin_alike() -> None:
    """Though the agent moves its cache marks along, and stamps each request anew."""
    first = DIALECT.read_request(body_of(agent(turns=0)))
    document = agent(turns=5)
    document["messages"][0]["content"][0].pop("cache_control")
    document["system"][0]["text"] = document["system"][0]["text"].replace("cch=00000", "cch=4f2a1")
    assert DIALECT.opening(DIALECT.read_request(body_of(document))) == DIALECT.opening(first)
    document["messages"][0]["content"][0]["text"] = "Another."
    assert DIALECT.opening(DIALECT.read_request(body_of(document))) != DIALECT.opening(first)
