"""Everything but the last user text and the cache marks must match exactly: another context is another question."""

from __future__ import annotations

from typing import Any

import pytest
from costward_extproc.dialects.anthropic_messages import AnthropicMessages

from tests.fakes.anthropic_fixtures import HOUR, MARK, agent, ask, body_of, call, thought, tool

DIALECT = AnthropicMessages()
USER = {"role": "user", "content": "And now?"}
TEXT = {"type": "text", "text": "And now?"}
BOT = {"type": "text", "text": "You are a bot."}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a.example/1.png"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_read", "content": [{"type": "text", "text": "12C, rainy"}]}


def _context(document: dict[str, Any]) -> bytes:
    return DIALECT.context(DIALECT.read_request(body_of(document)))


def _asks(**members: Any) -> dict[str, Any]:
    return ask("And now?", system=[BOT], **members)


def _after(*blocks: dict[str, Any], role: str = "assistant") -> dict[str, Any]:
    return ask(messages=[{"role": role, "content": list(blocks)}, USER])


def _ends(*blocks: Any) -> dict[str, Any]:
    return ask(messages=[{"role": "user", "content": list(blocks)}])


DIFFERENT = [
    (_asks(), _asks(model="claude-haiku-4-5")),
    (_asks(), ask("And now?")),
    (_asks(), ask("And now?", system=[{**BOT, "text": "Answer in French."}])),
    (ask(system="A"), ask(system="B")),
    (_after(BOT), _after(BOT, role="user")),
    (_after(call("read", path="/a")), _after(call("read", path="/b"))),
    (_after(RESULT), _after({**RESULT, "content": [{"type": "text", "text": "31C, sunny"}]})),
    (_after(RESULT), _after({**RESULT, "is_error": True})),
    (_after(thought("a"), BOT), _after(BOT)),
    (_asks(), _asks(tools=[tool(1)])),
    (_asks(tools=[tool(1)]), _asks(tools=[tool(2)])),
    (_asks(tools=[tool(1)]), _asks(tools=[tool(1)], tool_choice={"type": "any"})),
    (_asks(temperature=0.1), _asks(temperature=0.2)),
    (_asks(), _asks(max_tokens=5)),
    (_asks(), _asks(stop_sequences=["."])),
    (_asks(), _asks(thinking={"type": "enabled", "budget_tokens": 1024})),
    (_asks(), _asks(output_config={"effort": "low"})),
    (_asks(), _asks(inference_geo="us")),
    (_asks(), _asks(a_member_of_next_year=True)),
    (_ends(TEXT, PICTURE), _ends(TEXT, {**PICTURE, "source": {"type": "url", "url": "https://b.example"}})),
    (_ends(TEXT, PICTURE), _ends(PICTURE, TEXT)),
    (_ends(TEXT, "in France"), _ends(TEXT, "in Spain")),
    (
        _asks(tools=[{**tool(1), "input_schema": {"properties": {"cache_control": {"type": "string"}}}}]),
        _asks(tools=[{**tool(1), "input_schema": {"properties": {}}}]),
    ),
    (_after(call("read", cache_control=1)), _after(call("read"))),
]

SAME = [
    (_asks(), {**_asks(), "messages": [{"role": "user", "content": "Something else"}]}),
    (_ends(TEXT, PICTURE), _ends({**TEXT, "text": "Something else"}, PICTURE)),
    (_asks(), _asks(stream=True)),
    (_asks(), _asks(metadata={"user_id": "ada"})),
    (_asks(), _asks(service_tier="standard_only")),
    (_asks(), _asks(**MARK)),
    (_asks(), ask("And now?", system=[{**BOT, **HOUR}])),
    (_ends(TEXT), _ends({**TEXT, **MARK})),
    (_after(RESULT), _after({**RESULT, **MARK})),
    # Its content is a list.
    (_after(RESULT), _after({**RESULT, "content": [{**RESULT["content"][0], **MARK}]})),  # type: ignore[dict-item]
    (_asks(tools=[tool(1)]), _asks(tools=[{**tool(1), **HOUR}])),
    (agent(turns=3), agent(turns=3, stream=False, metadata=None)),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_context(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _context(one) != _context(other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_context(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _context(one) == _context(other)


def test_the_last_user_text_is_not_in_it() -> None:
    assert b"And now?" not in _context(_asks())
    assert b"You are a bot." in _context(_asks())
