"""A static FULL_DUPLEX_STREAMED strips content-length from every request; headers-only leaves each framing as it was.

Some providers refuse bodies without a length, so what we do not change must keep it.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import static_modes
from tests.fakes.naive_server import replies, streamed_on
from tests.fakes.raw_client import chat, exchange, post, request
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(14, "A static FULL_DUPLEX strips content-length; headers-only and BUFFERED keep it"),
]

STATIC = static_modes(request_body_mode="FULL_DUPLEX_STREAMED", request_trailer_mode="SEND")


async def test_a_length_stays_a_length_and_chunks_stay_chunks(ours: Ours, provider: RawProvider, user: str) -> None:
    one, two = chat("one"), chat("two")
    await exchange(ours.port, request(one, user=user))
    await exchange(ours.port, post(["transfer-encoding: chunked"], user=user) + chunk(two) + chunk(b""))
    assert [(asked.framing, asked.body) for asked in provider.asked] == [("length", one), ("chunked", two)]


async def test_an_exchange_that_is_let_go_keeps_its_length(ungoverned: Ours, provider: RawProvider, user: str) -> None:
    await ungoverned.ask("hello", user=user)
    assert provider.asked[0].header("content-length") == str(len(chat("hello")))


async def test_naive_the_length_is_gone(provider: RawProvider, user: str) -> None:
    async with naive(provider, replies(streamed_on), STATIC) as lab:
        await lab.ask("hello", user=user)
    assert (provider.asked[0].framing, provider.asked[0].body) == ("chunked", chat("hello"))
