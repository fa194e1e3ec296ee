"""Everything but the last user text must match to the byte of its meaning: another context is another question."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.world import World, chat, policy

USER = {"role": "user", "content": "And now?"}
SYSTEM = {"role": "system", "content": "You are a bot."}
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/1.png"}}
WORDS = {"type": "text", "text": "And now?"}


def _asks(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": [SYSTEM, USER], **members}


def _after(*earlier: dict[str, Any]) -> dict[str, Any]:
    return _asks(messages=[SYSTEM, *earlier, USER])


CALL = {"id": "c1", "type": "function", "function": {"name": "delete", "arguments": '{"id": 1}'}}
OTHER_CALL = {**CALL, "function": {"name": "delete", "arguments": '{"id": 2}'}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "12C, rainy"}

DIFFERENT = [
    (_asks(), _asks(model="gpt-5-mini")),
    (_asks(), _asks(messages=[USER])),
    (_asks(), _asks(messages=[{**SYSTEM, "content": "Answer in French."}, USER])),
    (_asks(), _asks(messages=[{**SYSTEM, "role": "developer"}, USER])),
    (_asks(), _asks(messages=[SYSTEM, {**USER, "name": "bob"}])),
    (_after({"role": "user", "content": "Hi"}), _after({"role": "user", "content": "Ho"})),
    (_after({"role": "user", "content": "Hi"}), _after({"role": "assistant", "content": "Hi"})),
    (_after({"role": "assistant", "content": "1"}, USER), _after(USER, {"role": "assistant", "content": "1"})),
    (
        _after({"role": "assistant", "tool_calls": [CALL]}, RESULT),
        _after({"role": "assistant", "tool_calls": [OTHER_CALL]}, RESULT),
    ),
    (
        _after({"role": "assistant", "tool_calls": [CALL]}, RESULT),
        _after({"role": "assistant", "tool_calls": [CALL]}, {**RESULT, "content": "31C, sunny"}),
    ),
    (_asks(), _asks(tools=[TOOL])),
    (_asks(tools=[TOOL]), _asks(tools=[{**TOOL, "function": {"name": "erase"}}])),
    (_asks(), _asks(temperature=0)),
    (_asks(temperature=0.1), _asks(temperature=0.2)),
    (_asks(), _asks(seed=7)),
    (_asks(), _asks(max_tokens=5)),
    (_asks(), _asks(response_format={"type": "json_object"})),
    (_asks(), _asks(reasoning_effort="low")),
    (_asks(), _asks(a_member_of_next_year=True)),
    (
        _asks(messages=[{"role": "user", "content": [WORDS, PICTURE]}]),
        _asks(messages=[{"role": "user", "content": [WORDS, {**PICTURE, "image_url": {"url": "https://b.example"}}]}]),
    ),
    (
        _asks(messages=[{"role": "user", "content": [WORDS, "in France"]}]),
        _asks(messages=[{"role": "user", "content": [WORDS, "in Spain"]}]),
    ),
    (
        _asks(messages=[{"role": "user", "content": [WORDS, PICTURE]}]),
        _asks(messages=[{"role": "user", "content": [PICTURE, WORDS]}]),
    ),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_another_context_is_no_hit(first: dict[str, Any], second: dict[str, Any]) -> None:
    world = World.of(policy())
    world.ask(first)
    assert len(world.entries) == 1
    assert world.ask(second).upstream is not None
    assert len(world.entries) == 2, "both have a place of their own"


@pytest.mark.parametrize(
    "members",
    [
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "u1"},
        {"metadata": {"trace": "1"}},
        {"service_tier": "flex"},
        {"prompt_cache_key": "k"},
    ],
)
def test_what_cannot_change_the_answer_does_not_matter(members: dict[str, Any]) -> None:
    world = World.of(policy())
    world.ask(_asks())
    assert world.ask(_asks(**members)).record.decision == "hit-exact"


def test_the_order_of_members_does_not_matter() -> None:
    world = World.of(policy())
    world.ask(chat(temperature=0.5, seed=1))
    assert world.ask(dict(reversed(chat(temperature=0.5, seed=1).items()))).record.decision == "hit-exact"
