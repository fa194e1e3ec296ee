"""In STREAMED each chunk waits for its reply: what a server does between reading and writing delays the stream.

We reply first and read after; a busy cache or ledger must not be felt in a stream.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation, asking, neutral
from tests.fakes.raw_client import Answered
from tests.fakes.raw_provider import Asked, RawProvider, chunk, events, head

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(20, "Each STREAMED chunk waits for its reply: reply first, work after"),
]

WORDS = 30
PAUSE_S = 0.02


class Stamped:
    """Answers events and notes when each left."""

    def __init__(self) -> None:
        self.left: list[float] = []

    async def __call__(self, asked: Asked) -> None:
        await asked.send(head(200, "content-type: text/event-stream", "transfer-encoding: chunked"))
        for event in events(WORDS):
            self.left.append(time.monotonic())
            await asked.send(chunk(event))
            await asyncio.sleep(PAUSE_S)
        await asked.send(chunk(b""))

    def delays(self, answered: Answered) -> list[float]:
        """Of each event's last byte, in seconds."""
        sizes = [len(event) for event in events(WORDS)]
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
        delays, have = [], 0
        arrivals = iter(answered.arrivals)
        at = 0.0
        for end, left in zip(ends, self.left, strict=True):
            while have < end:
                at, data = next(arrivals)
                have += len(data)
            delays.append(at - left)
        return delays


async def test_ours_is_not_felt(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = stamped = Stamped()
    asks_itself = {"include_usage": True}
    answered = await ours.ask("hello", user=user, stream=True, stream_options=asks_itself)
    # The median, as on a busy machine single chunks wait for a core. Work before the reply makes it fall behind by
    # PAUSE_S with each chunk, as below.
    assert statistics.median(stamped.delays(answered)) < WORDS / 4 * PAUSE_S


async def test_naive_work_before_the_reply_delays_each_chunk(lab: Lab, provider: RawProvider, user: str) -> None:
    async def works_first(conversation: Conversation) -> None:
        while (message := await conversation.read()) is not None:
            if message.HasField("response_body"):
                await asyncio.sleep(2 * PAUSE_S)
            wish = message.HasField("request_headers")
            await conversation.write(asking(response_body="STREAMED") if wish else neutral(message))

    provider.answer = stamped = Stamped()
    lab.server.script = works_first
    delays = stamped.delays(await lab.ask("hello", user=user))
    assert statistics.median(delays) > 2 * PAUSE_S
    # And they add up: the stream falls behind by the difference with each chunk.
    assert delays[-2] > WORDS / 2 * PAUSE_S
