"""What the next request depends on is done when an exchange ends; its record may wait, and is never lost."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from costward_contract.snapshot import Tier
from costward_extproc.server import Processor

from tests.fakes.services import FakeContext, request_body, request_headers, response_body, response_headers, services
from tests.fakes.world import World, chat, completion, policy, tier


def exchange(answer: bytes = completion()) -> FakeContext:
    body = json.dumps(chat()).encode()
    return FakeContext([request_headers(), request_body(body), response_headers(), response_body(answer)])


async def test_money_and_answer_are_there_for_the_next_request() -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)))
    processor = Processor(services(world))
    await processor.Process(None, exchange())
    assert not world.reserved
    assert sum(world.spent.values()) > 0
    assert len(world.entries) == 1
    await processor.drained()


async def test_records_of_many_ends_are_all_written_soon() -> None:
    world = World.of(policy(tiers=(Tier("default"),)))
    processor = Processor(services(world))
    for _ in range(100):
        await processor.Process(None, exchange())
    await asyncio.sleep(0.5)
    assert len({record.id for record in world.records}) == 100


async def test_draining_writes_what_waits() -> None:
    world = World.of(policy())
    processor = Processor(services(world))
    await processor.Process(None, exchange())
    await processor.drained()
    assert len(world.records) == 1


async def test_one_that_cannot_be_accounted_for_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)))
    usual = world.means
    world.means = replace(usual, count_tokens=_bad_at_answers)
    processor = Processor(services(world))
    await processor.Process(None, exchange(completion("surprise").replace(b'"usage"', b'"used"')))
    world.means = usual
    await Processor(services(world)).Process(None, exchange())
    await processor.drained()
    assert not world.reserved
    assert [record.end for record in world.records] == ["error"]
    assert "could not be accounted for" in caplog.text
    assert "surprise" not in caplog.text


def _bad_at_answers(text: str) -> int:
    if "surprise" in text:
        raise ZeroDivisionError
    return len(text.split())
