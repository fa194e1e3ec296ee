"""Envoy ends the stream as soon as it has an immediate response; the record must not depend on the write's return."""

from __future__ import annotations

import asyncio
import contextlib
import json

from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion

BODY = json.dumps(chat()).encode()


async def _exchange(world: World, context: FakeContext) -> None:
    processor = Processor(services(world))
    with contextlib.suppress(asyncio.CancelledError):
        await processor.Process(None, context)
    await processor.drained()


async def test_a_hit_is_recorded_though_its_write_was_cancelled() -> None:
    world = World()
    world.ask(chat())
    await _exchange(world, FakeContext([request_headers(), request_body(BODY)], hang_up_on="immediate_response"))
    assert [record.decision for record in world.records] == ["pass", "hit-exact"]


async def test_an_answer_is_stored_though_the_last_write_was_cancelled() -> None:
    world = World()
    messages = [request_headers(), request_body(BODY), response_headers(), response_body(completion())]
    await _exchange(world, FakeContext(messages, hang_up_on="response_body"))
    assert [record.end for record in world.records] == ["complete"]
    assert len(world.entries) == 1
