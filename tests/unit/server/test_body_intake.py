"""Large bodies are asked for up to a bound and then decided by their headers; the account of those that are on their
way is exact however an exchange ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from costward_contract.snapshot import CachePolicy
from costward_extproc.bodies import SLOW_S, Bodies
from costward_extproc.core.intake import EACH_BYTES, IDLE, MOST_BYTES, SMALL_BYTES, Intake
from costward_extproc.server import Processor
from costward_extproc.services import Services
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy, tier

HALF = MOST_BYTES // 2
BODY = json.dumps(chat()).encode()


@dataclass
class Sending(FakeContext):
    """An Envoy that hands over a body's message only when `sent` is set."""

    sent: asyncio.Event | None = None

    async def read(self) -> Any:
        if self.sent is not None and len(self.replies) == 1:
            await self.sent.wait()
        return await super().read()


def sending(length: int | None, sent: asyncio.Event | None = None) -> Sending:
    declared = {} if length is None else {"content-length": str(length)}
    messages = [request_headers(**declared), request_body(BODY), response_headers(), response_body(completion())]
    return Sending(messages, sent=sent)


def kinds(context: FakeContext) -> list[str | None]:
    return [reply.WhichOneof("response") for reply in context.replies]


@pytest.fixture
def world() -> World:
    return World.of(policy(tiers=(tier(1_000_000_000),), cache=CachePolicy(mode="Off")))


@pytest.fixture
async def ports(world: World) -> AsyncIterator[Services]:
    yield (given_ports := services(world))
    # However the exchanges of a test ended.
    assert given_ports.bodies.taken == 0


async def test_beyond_the_bound_a_large_body_is_decided_by_its_headers(world: World, ports: Services) -> None:
    processor, sent = Processor(ports), asyncio.Event()
    first = asyncio.create_task(processor.Process(None, (waiting := sending(HALF, sent))))
    await asyncio.sleep(0)
    unasked, small = sending(HALF), sending(SMALL_BYTES)
    unasked.messages.pop(1)
    for context in (unasked, small):
        await processor.Process(None, context)
    sent.set()
    await first
    await processor.drained()
    by_headers, last, asked_for = world.records
    assert kinds(unasked) == ["request_headers", "response_headers", "response_body"]
    assert unasked.replies[0].mode_override.request_body_mode == 0
    assert (by_headers.reason, by_headers.warnings) == ("unreadable-overloaded", ("overloaded",))
    assert by_headers.reserved > 10 * asked_for.reserved, "its caps hold by its length"
    for context, record in ((waiting, asked_for), (small, last)):
        assert "request_body" in kinds(context)
        assert record.warnings == ()


async def test_one_whose_cap_is_spent_is_refused_unread() -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)), already_spent=1_000_000)
    ports = services(world)
    ports.bodies.ask(MOST_BYTES, True, asyncio.get_running_loop().time())
    context = sending(HALF)
    await Processor(ports).Process(None, context)
    assert context.replies[0].immediate_response.status.code == 429


@pytest.mark.parametrize("end", ["eof", "cancelled", "refused", "raised"])
async def test_the_account_is_exact_when_an_exchange_ends_early(end: str, ports: Services) -> None:
    processor, sent = Processor(ports), asyncio.Event()
    context = sending(HALF, sent)
    if end == "eof":
        del context.messages[1:]
    elif end == "raised":
        context.messages[1] = None
    elif end == "refused":
        context.hang_up_on = "request_body"
    running = asyncio.create_task(processor.Process(None, context))
    await asyncio.sleep(0)
    assert ports.bodies.taken == HALF + EACH_BYTES
    if end == "cancelled":
        running.cancel()
    sent.set()
    await asyncio.gather(running, return_exceptions=True)
    await processor.drained()


def test_a_body_that_is_slow_to_come_keeps_no_other_out() -> None:
    bodies = Bodies()
    slow = bodies.ask(MOST_BYTES, True, 0.0)
    assert not bodies.intake(SLOW_S).has_room_for(1)
    assert bodies.intake(SLOW_S + 0.1) == IDLE
    bodies.arrived(slow, HALF)
    assert bodies.taken == HALF + EACH_BYTES, "it counts again when it is here"
    bodies.leave(slow)
    bodies.leave(slow)
    assert bodies.taken == 0


def test_bodies_without_a_length_count_as_the_longest_of_late() -> None:
    bodies = Bodies()
    first = bodies.ask(bodies.intake(0.0).weight(None), False, 0.0)
    assert bodies.taken == SMALL_BYTES
    bodies.arrived(first, HALF)
    bodies.leave(first)
    assert bodies.intake(0.0).weight(None) == HALF + EACH_BYTES
    for _ in range(20):
        short = bodies.ask(bodies.intake(0.0).weight(None), False, 0.0)
        bodies.arrived(short, 10)
        bodies.leave(short)
    assert bodies.intake(0.0) == IDLE


def test_one_alone_may_be_of_any_size() -> None:
    assert IDLE.has_room_for(10 * MOST_BYTES)
    assert not Intake(taken=1).has_room_for(MOST_BYTES)
    assert Intake(taken=10 * MOST_BYTES).has_room_for(IDLE.weight(SMALL_BYTES))


_WHAT = st.sampled_from(["ask", "arrive", "leave", "wait"])
_STEPS = st.lists(st.tuples(_WHAT, st.integers(0, 9), st.integers(0, HALF), st.booleans()))


@given(_STEPS)
def test_the_account_is_the_sum_of_what_is_there_and_of_what_is_not_slow(steps: Any) -> None:
    bodies, now = Bodies(), 0.0
    here: dict[int, Any] = {}
    for what, key, size, declared in steps:
        if what == "wait":
            now += SLOW_S / 2
        elif what == "ask" and key not in here:
            here[key] = bodies.ask(bodies.intake(now).weight(size if declared else None), declared, now)
        elif what == "arrive" and key in here:
            bodies.arrived(here[key], size)
        elif what == "leave" and key in here:
            bodies.leave(here.pop(key))
        bodies.intake(now)
        assert bodies.taken == sum(body.weight for body in here.values() if body.counts)
        assert all(body.counts or now - body.since > SLOW_S for body in here.values())
    for body in here.values():
        bodies.leave(body)
    assert bodies.taken == 0
