"""A client that hangs up on `[DONE]`, as the official Node SDK does, has had a whole answer."""

from __future__ import annotations

import json

from tests.fakes.world import World, chat, stream


def _answered(answer: bytes) -> World:
    world = World()
    run = world.begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    run.response(answer, end=False)
    return world


def test_is_complete_and_kept() -> None:
    world = _answered(stream("Open settings."))
    assert world.records[0].end == "complete"
    assert world.ask(chat()).headers["x-costward-decision"] == "hit-exact"


def test_without_done_it_is_aborted_and_not_kept() -> None:
    world = _answered(stream("Open settings.", done=False))
    assert world.records[0].end == "aborted"
    assert world.entries == {}
