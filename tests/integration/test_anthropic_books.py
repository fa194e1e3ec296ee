"""What is booked for Anthropic's messages is what the provider bills: prompt cache, thinking, tools, cut streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.anthropic_fixtures import agent, ask, tool
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = pytest.mark.slow

HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "sk-stand-in", "x-user-id": "ada"}
THINKING = {"type": "enabled", "budget_tokens": 2_000}

EXCHANGES = [
    ask(),
    ask(stream=True, thinking=THINKING),
    ask("Will it rain today?", tools=[tool(1)], stream=True),
    ask("repeat 90 words", max_tokens=40),
    agent(turns=2, tools=9, question="Begin.", stream=False),
    agent(turns=2, tools=9, question="Go on."),
    agent(turns=3, tools=9, question="And again."),
    ask(max_tokens=None),
    ask(model="claude-nobody-knows"),
]


async def _send(stack: RunningStack, document: dict[str, Any]) -> None:
    response = await stack.client.post("/messages", json=document, headers=HEADERS)
    assert response.headers["x-costward-decision"] == "pass"
    await stack.record(response)


async def test_the_books_are_the_provider_s_bill_to_the_micro_dollar() -> None:
    async with running_stack(policy(limit_usd="50", cache='"Off"')) as stack:
        for document in EXCHANGES:
            await _send(stack, document)
        bill, books = await stack.bill(), await stack.settled()
        sonnet = bill["models"]["claude-sonnet-4-6"]
        read = sum(record["usage"]["cached_input"] for record in stack.decisions.values())
        written = sum(record["usage"]["cache_write"] for record in stack.decisions.values())
        hour = sum(record["usage"]["cache_write_1h"] for record in stack.decisions.values())
    assert (bill["requests"], bill["errors"], books.reserved) == (7, 2, 0)
    assert books.spent == bill["microUSD"] > 0
    assert (read, written) == (sonnet["cachedTokens"], sonnet["writtenTokens"])
    assert min(read, hour) > 1_000
    assert hour < written


async def test_streams_that_are_cut_are_booked_by_what_was_seen() -> None:
    async with running_stack(policy(limit_usd="50", cache='"Off"'), chunk_ms=2) as stack:
        await asyncio.gather(*(_cut_after(stack, words) for words in (1, 20, 60, 100)))
        await until(lambda: len(stack.decisions) == 4, "the records of four streams")
        bill, books = await stack.bill(), await stack.settled()
        records = list(stack.decisions.values())
    assert [record["end"] for record in records] == ["aborted"] * 4
    assert all(record["usage"]["estimated"] and record["usage"]["output"] > 1 for record in records[1:])
    # The stand-in goes on for an event or two before it notices.
    assert books.spent == pytest.approx(bill["microUSD"], rel=0.05)


async def _cut_after(stack: RunningStack, words: int) -> None:
    document = ask("repeat 400 words", stream=True)
    async with stack.client.stream("POST", "/messages", json=document, headers=HEADERS) as response:
        seen = 0
        async for line in response.aiter_lines():
            seen += "text_delta" in line
            if seen > words:
                return
