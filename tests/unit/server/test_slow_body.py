"""A body that is slow to arrive, or long to read, is capped like any other: the deadline is for operations alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from costward_contract.snapshot import Cap, MicroUSD, Tier
from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy

CAP = Cap("default/Workload/Day", "Workload", "Day", MicroUSD(1_000_000))
DEADLINE_S = 0.05


class SlowCaller(FakeContext):
    """Twice the deadline passes before each message."""

    async def read(self) -> Any:
        await asyncio.sleep(2 * DEADLINE_S)
        return await super().read()


async def test_a_body_that_comes_after_the_deadline_is_capped_all_the_same() -> None:
    world = World.of(policy(tiers=(Tier("default", (CAP,)),)))
    body = json.dumps(chat()).encode()
    caller = SlowCaller([request_headers(), request_body(body), response_headers(), response_body(completion())])
    processor = Processor(services(world, deadline_s=DEADLINE_S))
    await processor.Process(None, caller)
    await processor.drained()
    assert world.records[0].warnings == ()
    assert world.records[0].reserved > 0
