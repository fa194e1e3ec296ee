"""A stream through the stack is still a stream: events reach `curl -N` one by one, as the provider sends them."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CHUNK_S = 0.03
WORDS = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[RunningStack]:
    async with running_stack(policy(), chunk_ms=CHUNK_S * 1000) as running:
        yield running


@dataclass(frozen=True)
class Arrived:
    """Of one `data:` line."""

    at: float
    data: str


async def curl(stack: RunningStack, user: str, **more: Any) -> list[Arrived]:
    message = {"role": "user", "content": f"repeat {WORDS} words"}
    body = {"model": "gpt-5-mini", "stream": True, "messages": [message], **more}
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sSN", f"{stack.stack.base_url}/chat/completions"),
        *("-H", "content-type: application/json", "-H", f"x-user-id: {user}", "-d", json.dumps(body)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = [Arrived(time.monotonic(), line.decode().strip()) async for line in process.stdout]
    assert await process.wait() == 0
    return [Arrived(line.at, line.data.removeprefix("data: ")) for line in lines if line.data.startswith("data: ")]


async def test_events_arrive_as_they_are_sent(stack: RunningStack) -> None:
    arrived = await curl(stack, "paced")
    gaps = [after.at - before.at for before, after in itertools.pairwise(arrived)]
    assert len(arrived) == 1 + WORDS + 1 + 1
    assert arrived[-1].at - arrived[0].at > 0.8 * WORDS * CHUNK_S
    # A proxy that collected them would deliver most at once; a busy machine lets some fall together.
    assert sum(gap > CHUNK_S / 3 for gap in gaps) > WORDS / 3


async def test_the_usage_chunk_that_only_we_asked_for_is_taken_out(stack: RunningStack) -> None:
    before = len(streams(stack))
    plain = await curl(stack, "plain")
    counted = await curl(stack, "counted", stream_options={"include_usage": True})
    assert plain[-1].data == counted[-1].data == "[DONE]"
    assert [event.data for event in plain if event.data != "[DONE]" and not json.loads(event.data)["choices"]] == []
    assert json.loads(counted[-2].data)["usage"]["completion_tokens"] == WORDS
    await until(lambda: len(streams(stack)) == before + 2, "the records of both")
    record = streams(stack)[before]
    assert (record["usage"]["output"], record["usage"]["estimated"]) == (WORDS, False)


def streams(stack: RunningStack) -> list[dict[str, Any]]:
    return [record for record in stack.decisions.values() if record["inputs"]["stream"]]


async def test_a_hit_is_a_stream_too(stack: RunningStack) -> None:
    bought = await curl(stack, "regular")
    again = await curl(stack, "regular")
    assert text(again) == text(bought)
    assert len(again) > 2
    assert again[-1].data == "[DONE]"


def text(arrived: list[Arrived]) -> str:
    chunks = [json.loads(event.data) for event in arrived if event.data != "[DONE]"]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


async def test_who_hangs_up_is_charged_what_was_sent(stack: RunningStack) -> None:
    body = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "repeat 500 words"}]}
    before = await stack.bill()
    async with stack.client.stream(
        "POST", "/chat/completions", json=body, headers={"x-user-id": "impatient"}
    ) as response:
        lines = 0
        async for line in response.aiter_lines():
            lines += line.startswith("data: ")
            if lines == 20:
                break
    record = await stack.record(response)
    await stack.settled()
    bill = await stack.bill()
    billed = bill["microUSD"] - before["microUSD"]
    assert record["end"] == "aborted"
    assert record["usage"]["estimated"] is True
    # The provider goes on for a moment until it notices; both are far from 500 words' price.
    assert abs(record["cost"] - billed) <= 12
    assert 30 <= record["cost"] < 100
