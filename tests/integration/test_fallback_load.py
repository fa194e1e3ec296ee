"""Three in ten first attempts fail and callers hardly notice; where nothing fails, nothing more is said."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import Any

import httpx
import pytest

from tests.fakes.failing_upstream import Fault, Try, failing_upstream
from tests.fakes.figures import keep
from tests.fakes.running_stack import RunningStack, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: load}
spec:
  owner: {team: t}
  models: [{name: small, model: gpt-5-mini}, {name: large, model: gpt-5}]
  aliases: {auto: small..large}
  tiers: [{name: all, caps: [{per: Policy, window: Month, limitUSD: "1000"}]}]
  cache: {mode: "Off"}
  routing:
    mode: Enforce
    rules: [{when: {taskType: Easy}, use: small}]
    fallback: {after: [ServerError, RateLimited, Timeout]}
"""
EXCHANGES, AT_ONCE = 1_000, 16


class ThreeInTen:
    def __init__(self) -> None:
        self._seen = count()
        self.failed = 0

    def __call__(self, attempt: Try) -> Fault:
        if attempt.model != "gpt-5-mini":
            return None
        number = next(self._seen)
        if number * 3 % 10 >= 3:
            return None
        self.failed += 1
        return (500, 429, 503)[number % 3]


async def ask_all(stack: RunningStack) -> list[httpx.Response]:
    numbers = iter(range(EXCHANGES))
    responses: list[httpx.Response] = []

    async def caller() -> None:
        for number in numbers:
            more: dict[str, Any] = {"stream": True} if number % 2 else {}
            headers = {"x-costward-task-type": "Easy"}
            responses.append(await stack.ask(f"question {number}", headers=headers, model="auto", **more))

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return responses


async def envoys(stack: RunningStack, name: str) -> int:
    transport = httpx.AsyncHTTPTransport(uds=str(stack.stack.run_dir / "envoy.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://envoy") as admin:
        text = (await admin.get("/stats", params={"filter": name})).text
    return sum(int(line.rsplit(": ", 1)[1]) for line in text.splitlines())


async def test_callers_hardly_notice() -> None:
    fault = ThreeInTen()
    # Two workers: a second attempt is served by whichever Envoy asks.
    async with failing_upstream(fault) as provider, running_stack(POLICY, upstream=provider.url, workers=2) as stack:
        responses = await ask_all(stack)
        statuses = Counter(response.status_code for response in responses)
        records = [await stack.record(response) for response in responses]
        books = await stack.settled()
        twice = [record for record in records if len(record["attempts"]) == 2]
        keep("fallback", {"exchanges": EXCHANGES, "failedFirstAttempts": fault.failed, "statuses": dict(statuses)})
        assert fault.failed == EXCHANGES * 3 // 10
        assert statuses[200] >= 0.999 * EXCHANGES, statuses
        assert len(twice) == fault.failed
        assert {tuple(a["model"] for a in record["attempts"]) for record in twice} == {("gpt-5-mini", "gpt-5")}
        assert {record["attempts"][0]["status"] for record in twice} == {500, 429, 503}
        assert books.spent == sum(record["cost"] for record in records)
        assert books.reserved == 0


async def test_where_nothing_fails_nothing_more_is_said() -> None:
    async with failing_upstream() as provider, running_stack(POLICY, upstream=provider.url) as stack:
        response = await stack.ask("hello", headers={"x-costward-task-type": "Easy"}, model="auto")
        await stack.record(response)
        # Request headers and body, answer headers, and what the answer's body came in: one chunk, perhaps an empty end.
        assert await envoys(stack, "ext_proc.costward.stream_msgs_sent") in (4, 5)
        assert await envoys(stack, "ext_proc.costward_retry.streams_started") == 0
        assert await envoys(stack, "lua.costward") == 0
