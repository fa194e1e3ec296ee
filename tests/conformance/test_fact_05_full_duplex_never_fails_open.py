"""FULL_DUPLEX_STREAMED is never fail-open and knows no message_timeout: an error after the body is a 500, a hang hangs.

BUFFERED keeps both, so it is what we ask for.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.conformance import Lab, Ours, direct
from tests.fakes.naive_server import WIDE, Conversation, Mode, Script, asking
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider
from tests.fakes.services import request_headers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(5, "FULL_DUPLEX_STREAMED is never fail-open and has no message_timeout; BUFFERED has both"),
]


def buffered(then: str) -> Script:
    return _script(asking(request_body="BUFFERED"), then)


def full_duplex(then: str) -> Script:
    return _script(WIDE, then)


def _script(wish: Any, then: str) -> Script:
    async def script(conversation: Conversation) -> None:
        await conversation.read()
        await conversation.write(wish)
        message = await conversation.read()
        while message is not None and not message.request_body.end_of_stream:
            message = await conversation.read()
        if then == "fails":
            raise ValueError(then)
        await asyncio.sleep(5)

    return script


async def test_our_server_asks_for_buffered(ours: Ours, user: str) -> None:
    async with direct(ours) as call:
        await call.write(request_headers(**{"x-user-id": user}))
        reply = await call.read()
    assert reply.mode_override.request_body_mode == Mode.BUFFERED
    assert reply.mode_override.response_body_mode == Mode.STREAMED


@pytest.mark.parametrize("then", ["fails", "hangs"])
async def test_buffered_passes_whole(lab: Lab, provider: RawProvider, user: str, then: str) -> None:
    lab.server.script = buffered(then)
    assert (await lab.ask("hello", user=user)).status == 200
    assert provider.asked[0].body == chat("hello")


async def test_naive_full_duplex_fails(lab: Lab, provider: RawProvider, user: str) -> None:
    lab.server.script = full_duplex("fails")
    assert (await lab.ask("hello", user=user)).status == 500
    assert provider.asked == []


async def test_naive_full_duplex_hangs_longer_than_the_message_timeout(
    lab: Lab, provider: RawProvider, user: str
) -> None:
    lab.server.script = full_duplex("hangs")
    with pytest.raises(TimeoutError):
        await exchange(lab.port, request(chat("hello"), user=user), seconds=1.5)
    assert provider.asked == []
