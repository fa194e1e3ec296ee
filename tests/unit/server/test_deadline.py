"""Our own deadline holds under a store that hangs (promise P3), and the exchange goes on without it."""

from __future__ import annotations

import asyncio
import json

from costward_contract.snapshot import Cap, MicroUSD, Tier
from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy

CAP = Cap("default/Workload/Day", "Workload", "Day", MicroUSD(1_000_000))


async def test_a_hanging_ledger_costs_at_most_the_deadline() -> None:
    world = World.of(policy(tiers=(Tier("default", (CAP,)),)))
    context = FakeContext(
        [request_headers(), request_body(json.dumps(chat()).encode()), response_headers(), response_body(completion())]
    )
    processor = Processor(services(world, deadline_s=0.05, slow={"stand": 60, "reserve": 60}))
    started = asyncio.get_running_loop().time()
    await processor.Process(None, context)
    await processor.drained()
    assert asyncio.get_running_loop().time() - started < 5
    assert [reply.WhichOneof("response") for reply in context.replies][1] == "request_body"
    assert "ledger-unavailable" in world.records[0].warnings
