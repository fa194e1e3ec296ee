"""Every message needs exactly one reply, in order; one too many ends the stream as an error, one too few as a time-out.

A server that answers twice loses the exchange (failing closed) or its own decision (failing open).
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation, asking, neutral
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(1, "Every message gets exactly one matching reply, in order"),
]

COUNTERS = ("stream_msgs_sent", "stream_msgs_received", "spurious_msgs_received", "message_timeouts", "streams_failed")


async def counted(ours: Ours) -> dict[str, int]:
    return {name: await ours.count(name) for name in COUNTERS}


async def test_each_kind_of_exchange_is_answered_message_for_message(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    before = await counted(ours)
    for body in (chat("one"), chat("one"), chat("two", model="auto"), b"{malformed", b""):
        assert (await exchange(ours.port, request(body, user=user))).status == 200
    provider.answer = in_parts(events(5))
    assert (await ours.ask("three", user=user, stream=True)).whole
    await ours.of(user, 6)
    grown = {name: value - before[name] for name, value in (await counted(ours)).items()}
    assert grown["stream_msgs_sent"] == grown["stream_msgs_received"] >= 16
    assert (grown["spurious_msgs_received"], grown["message_timeouts"], grown["streams_failed"]) == (0, 0, 0)


async def test_naive_an_answer_too_many_is_a_500(closed_lab: Lab, provider: RawProvider, user: str) -> None:
    async def twice(conversation: Conversation) -> None:
        await conversation.read()
        await conversation.write(asking(request_body="BUFFERED"))
        await conversation.write(asking(request_body="BUFFERED"))
        while (message := await conversation.read()) is not None:
            await conversation.write(neutral(message))

    before = await closed_lab.count("spurious_msgs_received")
    closed_lab.server.script = twice
    assert (await closed_lab.ask("hello", user=user)).status == 500
    assert provider.asked == []
    assert await closed_lab.count("spurious_msgs_received") == before + 1


async def test_naive_an_answer_of_the_wrong_kind_is_a_500(closed_lab: Lab, user: str) -> None:
    async def early(conversation: Conversation) -> None:
        message = await conversation.read()
        assert message is not None
        message.ClearField("request_headers")
        message.request_body.SetInParent()
        await conversation.write(neutral(message))
        await conversation.read()

    closed_lab.server.script = early
    assert (await closed_lab.ask("hello", user=user)).status == 500


async def test_naive_no_answer_costs_the_message_timeout(closed_lab: Lab, user: str) -> None:
    async def silent(conversation: Conversation) -> None:
        while await conversation.read() is not None:
            pass

    closed_lab.server.script = silent
    assert (await closed_lab.ask("hello", user=user)).status == 504
