"""BUFFERED_PARTIAL sends what has come, be it less than the body or more than the limit.

So it bounds nothing, and who reads it reads JSON that was cut; BUFFERED gives all of it or a 413.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import body_limit
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(8, "BUFFERED_PARTIAL cuts bodies and bounds nothing; BUFFERED is whole and keeps the framing"),
]

BODY = chat("word " * 4_000)


async def test_the_framing_of_the_client_stays(ours: Ours, provider: RawProvider, user: str) -> None:
    await exchange(ours.port, request(BODY, user=user))
    (asked,) = provider.asked
    assert (asked.body, asked.framing, asked.header("content-length")) == (BODY, "length", str(len(BODY)))


async def test_naive_a_long_body_is_cut_and_the_limit_no_bound(provider: RawProvider, user: str) -> None:
    limit = 32 * 1024
    body = chat("word " * 100_000)
    async with naive(provider, replies(request_body="BUFFERED_PARTIAL"), body_limit(limit)) as lab:
        await exchange(lab.port, request(body, user=user))
    assert provider.asked[0].body == body
    (seen,) = lab.server.conversations[0].bodies("request_body")
    assert limit < len(seen) < len(body)
