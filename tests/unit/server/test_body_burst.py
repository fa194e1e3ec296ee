"""A burst of large bodies is not read beyond what there is time for, is held to its caps all the same, and keeps
neither short bodies nor the books waiting."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

from costward_extproc.core.events import RequestBody, RequestHeaders
from costward_extproc.core.intake import SMALL_BYTES
from costward_extproc.server import Processor
from costward_extproc.threads import LONG_QUEUE_BYTES, Lane

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import NOW, World, chat, completion, policy, tier


def exchange(size: int) -> FakeContext:
    body = json.dumps({**chat(), "user": "u" * size}).encode()
    return FakeContext([request_headers(), request_body(body), response_headers(), response_body(completion())])


async def test_what_would_wait_too_long_is_unread_and_held_to_its_caps() -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)), already_spent=1_000_000)
    going_on = threading.Event()
    usual = world.means
    world.means = replace(usual, count_tokens=lambda text: int(going_on.wait(10)) * usual.count_tokens(text))
    processor = Processor(services(world))
    burst = [exchange(LONG_QUEUE_BYTES // 2) for _ in range(4)]
    running = [asyncio.create_task(processor.Process(None, context)) for context in burst]
    # The first is in the thread, and no other is beside it: half of what may wait, and some bytes, is each.
    done, reading = await asyncio.wait(running, timeout=0.5)
    assert (len(done), len(reading)) == (3, 1)
    going_on.set()
    await asyncio.gather(*running)
    await processor.drained()
    assert [context.replies[-1].immediate_response.status.code for context in burst] == [429] * 4
    assert sorted("overloaded" in record.warnings for record in world.records) == [False, True, True, True]


async def test_short_bodies_wait_for_no_long_one() -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)))
    going_on = threading.Event()
    ports = services(world)
    ports.threads.lane(SMALL_BYTES + 1).thread.submit(going_on.wait, 10)
    processor = Processor(ports)
    try:
        await asyncio.wait_for(processor.Process(None, exchange(SMALL_BYTES // 2)), 5)
        await asyncio.wait_for(processor.drained(), 5)
    finally:
        going_on.set()
    assert [record.warnings for record in world.records] == [()]


def test_one_body_of_any_size_has_a_place_where_nothing_waits() -> None:
    lane = Lane("test", 10)
    with lane.place(1_000) as first:
        assert first is lane.thread
        with lane.place(1) as second:
            assert second is None
    with lane.place(6) as first, lane.place(4) as second, lane.place(1) as third:
        assert (first, second, third) == (lane.thread, lane.thread, None)


def test_an_unread_body_passes_as_it_is_and_is_charged_by_its_size() -> None:
    world = World.of(policy(tiers=(tier(1_000_000_000),)))
    run = world.begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    run.send(RequestHeaders(NOW, {**headers, "authorization": "Bearer k"}, end=False))
    run.send(RequestBody(NOW, json.dumps(chat()).encode(), end=True, is_unread=True))
    assert run.upstream is not None
    assert (run.upstream.to, run.upstream.body) == ("body", None)
    assert any(amount for amounts in world.reserved.values() for amount in amounts.values())
