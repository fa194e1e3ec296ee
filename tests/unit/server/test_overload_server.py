"""The server tells the gate how long an exchange has waited, and what it says is what the exchange does without."""

from __future__ import annotations

import json

from costward_contract.snapshot import CachePolicy
from costward_extproc.gate import Gate
from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import NOW, World, chat, completion, policy, tier

BODY = json.dumps(chat()).encode()


async def asked(processor: Processor, started: float | None) -> int:
    """How many replies a whole exchange gets: none where it is let go by its headers."""
    messages = [request_headers(), request_body(BODY), response_headers(), response_body(completion())]
    context = FakeContext(messages, started=started)
    await processor.Process(None, context)
    await processor.drained()
    return len(context.replies)


async def test_exchanges_that_wait_in_a_queue_that_lasts_are_let_go() -> None:
    world = World.of(policy(tiers=(tier(),), cache=CachePolicy(mode="Off")))
    ports = services(world, gate=Gate(deadline_s=0.000_1))
    processor = Processor(ports)
    # The world's clock stands still at NOW; the gate's own goes on by some microseconds for each exchange.
    ports.gate._levels[-1].spell_s = 0.0
    replies = [await asked(processor, NOW - 1.0) for _ in range(40)]
    assert replies[0] == 4
    assert replies[-1] == 0
    assert world.records[-1].reason == "overloaded"
    assert await asked(processor, NOW) == 4, "one that did not wait is decided"


async def test_without_the_proxys_word_nothing_is_left_out() -> None:
    world = World.of(policy(tiers=(tier(),), cache=CachePolicy(mode="Off")))
    processor = Processor(services(world, gate=Gate(deadline_s=0.000_1)))
    assert {await asked(processor, None) for _ in range(40)} == {4}
    assert {record.warnings for record in world.records} == {()}
