"""Requests that a policy, or their own nature, keeps away from the cache."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.snapshot import Bypass, CachePolicy

from tests.fakes.world import World, chat, policy

TOOL = {"type": "function", "function": {"name": "lookup"}}


def _world(*bypass: Bypass) -> World:
    return World.of(policy(cache=CachePolicy(mode="Enforce", bypass=bypass)))


@pytest.mark.parametrize(("bypass", "reason"), [(("TimeSensitive",), "time-sensitive"), ((), None)])
def test_time_sensitive(bypass: tuple[Bypass, ...], reason: str | None) -> None:
    world = _world(*bypass)
    run = world.ask(chat("What is the weather today?"))
    assert run.record.cache.reason == reason
    assert len(world.entries) == (0 if reason else 1)
    world.ask(chat("How do I reset my password?"))
    assert len(world.entries) == (1 if reason else 2), "a timeless question has its place"


@pytest.mark.parametrize(("bypass", "reason"), [(("ToolCalls",), "tool-calls"), ((), None)])
@pytest.mark.parametrize(
    "members",
    [
        {"tools": [TOOL]},
        {"functions": [{"name": "lookup"}]},
        {"messages": [{"role": "tool", "content": "1"}, {"role": "user", "content": "And?"}]},
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                {"role": "user", "content": "And?"},
            ]
        },
    ],
)
def test_agent_turns(members: dict[str, Any], bypass: tuple[Bypass, ...], reason: str | None) -> None:
    world = _world(*bypass)
    assert world.ask(chat(**members)).record.cache.reason == reason
    assert len(world.entries) == (0 if reason else 1)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"n": 2}, "several-choices"),
        ({"logprobs": True}, "logprobs"),
        ({"audio": {"voice": "alloy"}}, "changing-answer"),
        ({"web_search_options": {}}, "changing-answer"),
        ({"stream": 1}, "odd-stream"),
        ({"messages": [{"role": "assistant", "content": "Well"}]}, "no-user-text"),
        ({"messages": [{"role": "user", "content": ""}]}, "no-user-text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
            "no-user-text",
        ),
        ({"messages": [{"role": "user", "content": "half a \ud83d pair"}]}, "lone-surrogate"),
    ],
)
def test_no_place_for_what_cannot_be_given_again(members: dict[str, Any], reason: str) -> None:
    world = _world()
    run = world.ask(chat(**members))
    assert run.upstream is not None
    assert (run.record.cache.outcome, run.record.cache.reason) == ("bypass", reason)
    assert not world.entries
