"""What only saves money may be slow or hang: the ledger keeps its own share of the deadline, and caps hold."""

from __future__ import annotations

import asyncio
import json

import pytest
from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.server import OPTIONAL_SHARE, Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy, tier

DEADLINE_S = 0.2


def _world(**changes: int) -> World:
    cache = CachePolicy(mode="Enforce", semantic=FixedThreshold(950_000))
    return World.of(policy(tiers=(tier(1_000),), cache=cache), **changes)


async def _replies(world: World, slow: dict[str, float]) -> tuple[list[str], float]:
    body = json.dumps(chat(max_tokens=10)).encode()
    context = FakeContext([request_headers(), request_body(body), response_headers(), response_body(completion())])
    processor = Processor(services(world, deadline_s=DEADLINE_S, slow=slow))
    started = asyncio.get_running_loop().time()
    await processor.Process(None, context)
    await processor.drained()
    return [reply.WhichOneof("response") for reply in context.replies], asyncio.get_running_loop().time() - started


@pytest.mark.parametrize("operation", ["exact", "embed", "near"])
async def test_a_hanging_cache_or_embedder_leaves_the_caps_in_force(operation: str) -> None:
    replies, _ = await _replies(_world(already_reserved=999), {operation: 60.0})
    assert replies[-1] == "immediate_response", "refused: the cap is held by others"


@pytest.mark.parametrize("operation", ["exact", "embed", "near"])
async def test_it_costs_its_share_of_the_deadline_at_most(operation: str) -> None:
    world = _world()
    replies, took = await _replies(world, {operation: 60.0})
    assert replies[1] == "request_body"
    # Of the minute that it would hang.
    assert took < OPTIONAL_SHARE * DEADLINE_S + 10
    assert world.records[0].reserved > 0
