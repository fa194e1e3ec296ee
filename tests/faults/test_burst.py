"""A burst of bodies as long as any that is read: none of them goes around its cap, whether it was read or not (promises
P2 and P8)."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.conformance import ours
from tests.fakes.fault_rows import Row
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import completion, raw_provider, whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

AT_ONCE = 40
BODY = chat("word " * 1_580_000)


@pytest.mark.fault("B2", "40 bodies of 7.9 MB at once")
async def test_no_body_of_a_burst_goes_around_its_cap(row: Row) -> None:
    async with raw_provider() as provider, ours(provider) as stage:
        provider.answer = whole(completion())
        assert (await exchange(stage.port, request(chat("before"), user="before"))).status == 200
        sent = (exchange(stage.port, request(BODY, user=f"burst {n}"), seconds=90) for n in range(AT_ONCE))
        answers = await asyncio.gather(*sent)
        let_through = await stage.stack.stack.let_through()
        unread = sum(answered.headers.get("x-costward-reason") == "unreadable-overloaded" for answered in answers)
        row.exchanges, row.failed = AT_ONCE, sum(answered.status != 200 for answered in answers)
        row.said = f"{unread} decided by their length, {let_through} let through"
        assert row.failed == 0
        assert all(asked.body == BODY for asked in provider.asked[1:])
        # Those few that are read, on a machine that may be busy with other work.
        assert let_through <= 2, row.said
        assert sum("x-costward-decision" in answered.headers for answered in answers) >= AT_ONCE - 2
