"""A STREAMED request whose replies are held until its end works below the buffer limit and stands still above it.

A decision needs the whole body, so a streamed one would be lost to the message time-out exactly for large requests.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import body_limit, closed, several
from tests.fakes.naive_server import Conversation, asking, neutral
from tests.fakes.raw_client import chat, cut, exchange, request
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(9, "A STREAMED request held until its end stands still above the buffer limit"),
]

LIMIT = 32 * 1024
BODY = chat("word " * 40_000)


async def held(conversation: Conversation) -> None:
    await conversation.read()
    await conversation.write(asking(request_body="STREAMED"))
    parts = []
    while (message := await conversation.read()) is not None:
        parts.append(message)
        if message.request_body.end_of_stream:
            break
    for part in parts:
        await conversation.write(neutral(part))


async def test_a_body_in_pieces_is_read_whole(ours: Ours, provider: RawProvider, user: str) -> None:
    parts = cut(request(BODY, user=user), 10_000)
    answered = await exchange(ours.port, *parts, pause_s=0.002)
    assert answered.headers["x-costward-decision"] == "pass"
    assert provider.asked[0].body == BODY


@pytest.mark.parametrize(("body", "status"), [(chat("short"), 200), (BODY, 504)], ids=["below", "above"])
async def test_naive_held_replies(provider: RawProvider, user: str, body: bytes, status: int) -> None:
    async with naive(provider, held, several(closed, body_limit(LIMIT))) as lab:
        parts = cut(request(body, user=user), 10_000)
        assert (await exchange(lab.port, *parts, pause_s=0.002)).status == status
