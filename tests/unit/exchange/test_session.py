"""Turns of one conversation are one session: by the app's header, else by how the conversation began."""

from __future__ import annotations

from typing import Any

from costward_contract.snapshot import HeaderSource, Identity
from costward_extproc.core.events import Stand

from tests.fakes.world import World, policy, tier

IDENTITY = Identity(
    user=HeaderSource("x-user-id", trusted_from=("app",)), session_headers=("x-session-id", "x-thread-id")
)
SYSTEM = {"role": "system", "content": "You are a bot."}
FIRST = {"role": "user", "content": "How do I reset my password?"}
REPLY = {"role": "assistant", "content": "Open settings."}


def _session(*messages: dict[str, Any], headers: dict[str, str] | None = None) -> str | None:
    world = World.of(policy(identity=IDENTITY))
    return world.ask({"model": "gpt-5", "messages": list(messages)}, headers or {}).record.session


def test_turns_of_one_conversation() -> None:
    session = _session(SYSTEM, FIRST)
    assert session is not None
    assert _session(SYSTEM, FIRST, REPLY, {"role": "user", "content": "And now?"}) == session
    assert _session(SYSTEM, FIRST, REPLY, {"role": "tool", "content": "1"}) == session


def test_another_beginning_is_another_conversation() -> None:
    session = _session(SYSTEM, FIRST)
    assert _session(FIRST) != session
    assert _session(SYSTEM, {**FIRST, "content": "Hi"}) != session
    assert _session(SYSTEM, FIRST, headers={"x-user-id": "ann"}) != session


def test_the_app_s_header_wins() -> None:
    one = _session(SYSTEM, FIRST, headers={"x-session-id": "s1"})
    assert _session(FIRST, headers={"x-session-id": "s1"}) == one
    assert _session(SYSTEM, FIRST, headers={"x-session-id": "s2"}) != one
    assert _session(SYSTEM, FIRST, headers={"x-thread-id": "s1", "x-session-id": ""}) == one


def test_a_cap_per_session_counts_all_its_turns() -> None:
    world = World.of(policy(tiers=(tier(per="Session"),), identity=IDENTITY))
    for turn in ([SYSTEM, FIRST], [SYSTEM, FIRST, REPLY, {"role": "user", "content": "And now?"}]):
        world.ask({"model": "gpt-5", "messages": turn})
    assert list(world.spent.values()) == [170]
    first, *_ = (
        world.ask({"model": "gpt-5", "messages": [SYSTEM, FIRST]}, {"cache-control": "no-cache"}).only(Stand).charges
    )
    assert list(world.spent) == [first.key]
