"""Two real workers are one data plane: what one stores, spends or is told, the other knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from costward_contract.codec import decode
from costward_extproc.adapters.sqlite_cache import FRESH_S
from costward_extproc.sockets import worker_sockets

from tests.fakes.running_data_plane import run_exchange
from tests.fakes.running_stack import RunningStack, policy, running_stack, until
from tests.fakes.world import chat, completion

pytestmark = pytest.mark.slow

WORKERS = 2
WRITTEN_S = 0.3
"""An answer is on its way into the file for some hundredths of a second."""


@contextlib.asynccontextmanager
async def two_workers(policy_text: str) -> AsyncIterator[tuple[RunningStack, grpc.aio.Channel, grpc.aio.Channel]]:
    """The stack, and a way to each worker past its Envoy."""
    async with running_stack(policy_text, workers=WORKERS) as stack:
        one, other = (
            grpc.aio.insecure_channel(f"unix:{path}")
            for path in worker_sockets(stack.stack.run_dir / "extproc.sock", WORKERS)
        )
        async with one, other:
            yield stack, one, other


async def ask(channel: grpc.aio.Channel, text: str, **members: Any) -> str | None:
    """The decision that the caller is told."""
    body = json.dumps(chat(text, model="gpt-5-mini", **members)).encode()
    headers = await run_exchange(channel, body, completion(model="gpt-5-mini"), **{"x-user-id": "ada"})
    return headers.get("x-costward-decision")


async def test_an_answer_that_one_stored_is_a_hit_of_the_other() -> None:
    async with two_workers(policy()) as (_, one, other):
        assert await ask(other, "something else") == "pass"
        assert await ask(one, "When are you open?") == "pass"
        await asyncio.sleep(FRESH_S + WRITTEN_S)
        assert await ask(other, "When are you open?") == "hit-exact"


async def test_what_one_reserved_is_out_of_the_others_reach_at_once() -> None:
    # 0.0001 $ are 100 µ$: 45 output tokens of the small model, so that a second worst case does not fit.
    async with two_workers(policy(limit_usd="0.0001", cache='"Off"')) as (stack, one, other):
        asked = [ask(channel, f"{n}", max_tokens=40) for n in range(6) for channel in (one, other)]
        decisions = await asyncio.gather(*asked)
        assert "refuse" in decisions
        assert (await stack.settled()).spent <= 100


async def test_an_edited_policy_is_in_force_in_both() -> None:
    async with two_workers(policy()) as (stack, one, other):
        edited = policy(cache='"Off"')
        stack_policy = stack.stack._spec.policy_file
        await asyncio.to_thread(stack_policy.write_text, edited)
        await until(lambda: stack.log.count("in force") == WORKERS, "the new policy in both")
        for channel in (one, other):
            assert [await ask(channel, "When are you open?") for _ in range(2)] == ["pass", "pass"]
        assert "cannot be kept on disk" not in stack.log
        assert decode(await asyncio.to_thread((stack.state_dir / "snapshot.bin").read_bytes)).policies
        assert leftovers(stack.state_dir) == []


def leftovers(state_dir: Path) -> list[str]:
    """Files of one process alone, under names that should have been given up."""
    return [path.name for path in state_dir.iterdir() if path.suffix[1:].isdigit()]
