"""A BUFFERED answer over the limit is a 500 although the provider answered and charged; STREAMED carries any size.

A batch of embeddings is that large. The price of STREAMED: a plain answer comes in chunks instead of with a length.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import body_limit
from tests.fakes.naive_server import replies
from tests.fakes.raw_provider import RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(21, "A BUFFERED answer over the limit is a 500; STREAMED carries any size, without a length"),
]

LARGE = completion("word " * 1_000_000, output=1_000)
"""5 MB: more than Envoy buffers and more than we keep."""


async def test_a_large_answer_arrives_whole_and_is_accounted(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = whole(LARGE)
    answered = await ours.ask("hello", user=user)
    assert (answered.status, answered.body == LARGE) == (200, True)
    assert answered.headers["transfer-encoding"] == "chunked"
    (record,) = await ours.of(user)
    assert record["cost"] > 0
    assert record["cache"]["stored"] is False


async def test_the_usage_at_the_end_of_a_large_answer_is_read(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = whole(LARGE)
    await ours.ask("hello", user=user)
    (record,) = await ours.of(user)
    assert (record["usage"]["output"], record["usage"]["estimated"]) == (1_000, False)


async def test_naive_a_buffered_answer_is_lost(provider: RawProvider, user: str) -> None:
    provider.answer = whole(LARGE)
    async with naive(provider, replies(response_body="BUFFERED"), body_limit(None)) as lab:
        answered = await lab.ask("hello", user=user)
    assert answered.status == 500
    assert len(provider.asked) == 1
