"""An exchange that ended well may end our call as cancelled: no error, and no moment to begin the accounting.

So everything that an exchange's end needs is done where the last message is answered, or in `finally`.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation, asking, neutral
from tests.fakes.raw_provider import RawProvider
from tests.fakes.running_stack import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(24, "A normal end may be a CancelledError: never an error, never when accounting begins"),
]

EXCHANGES = 30


async def test_every_normal_end_is_a_complete_record(ours: Ours, provider: RawProvider, user: str) -> None:
    for number in range(EXCHANGES):
        assert (await ours.ask(f"{user} {number}", user=user)).status == 200
    records = await ours.of(user, EXCHANGES)
    assert {record["end"] for record in records} == {"complete"}
    assert (await ours.stack.settled()).reserved == 0


async def test_naive_accounting_that_awaits_at_the_end_is_lost(lab: Lab, provider: RawProvider, user: str) -> None:
    accounted = []

    async def late(conversation: Conversation) -> None:
        while (message := await conversation.read()) is not None:
            wish = message.HasField("request_headers")
            await conversation.write(asking(response_body="STREAMED") if wish else neutral(message))
            if message.response_body.end_of_stream:
                await asyncio.sleep(0.005)
                accounted.append(conversation)

    lab.server.script = late
    for number in range(EXCHANGES):
        assert (await lab.ask(f"{user} {number}", user=user)).status == 200
    await until(lambda: all(c.ended for c in lab.server.conversations), "the end of all streams", 3)
    assert len(accounted) < EXCHANGES
