"""A BUFFERED body over the buffer limit is a 413 by Envoy; the server sees the headers and then the stream's end.

At Envoy's default of 1 MiB that would refuse ordinary requests of coding agents, so LLM routes allow 32 MiB.
"""

from __future__ import annotations

import asyncio

import pytest
from costward_contract.wiring.spec import BODY_LIMIT_BYTES

from tests.fakes.conformance import Ours, Proxy, naive
from tests.fakes.envoy_edits import body_limit
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, cut, exchange, post, request
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(6, "A BUFFERED body over the route's limit is Envoy's 413; a declared longer one passes unread"),
]

LIMIT = 32 * 1024
LARGE = chat("word " * 260_000)
"""1.3 MB: more than Envoy buffers by default."""


async def test_a_body_above_envoys_default_is_read(by_profile: Proxy, ours: Ours, user: str) -> None:
    answered = await exchange(by_profile.port, request(LARGE, user=user))
    assert answered.headers["x-costward-decision"] == "pass"
    (record,) = await ours.of(user)
    assert record["inputs"]["body_bytes"] == len(LARGE)
    assert record["asked_model"] == "gpt-5-mini"


async def test_a_declared_body_over_the_limit_passes_unread_and_is_counted(
    by_profile: Proxy, ours: Ours, provider: RawProvider, user: str
) -> None:
    body = b"x" * (BODY_LIMIT_BYTES + 1)
    answered = await exchange(by_profile.port, request(body, user=user))
    assert answered.status == 200
    assert provider.asked[0].body == body
    assert provider.asked[0].header("content-length") == str(len(body))
    (record,) = await ours.of(user)
    assert record["reason"] == "unreadable-body-too-large"
    # By its size: a cap must not be passed by making a request longer.
    assert record["reserved"] > BODY_LIMIT_BYTES // 8


async def test_a_chunked_body_over_the_limit_is_a_413_and_is_counted(
    by_profile: Proxy, ours: Ours, provider: RawProvider, user: str
) -> None:
    parts = [chunk(part) for part in cut(b"x" * (BODY_LIMIT_BYTES + 1), 1024 * 1024)]
    head = post(["transfer-encoding: chunked"], user=user)
    answered = await exchange(by_profile.port, head, *parts, chunk(b""))
    assert answered.status == 413
    assert provider.asked == []
    (record,) = await ours.of(user)
    assert (record["end"], record["reason"], record["reserved"]) == ("aborted", "no-body", 0)


@pytest.mark.xfail(
    strict=True,
    raises=TimeoutError,
    reason="Envoy 1.40 stands still where more than the limit comes before the headers are answered: neither 413 nor "
    "message_timeout; only stream_idle_timeout ends it",
)
async def test_a_body_over_the_limit_that_is_faster_than_our_answer_is_a_413_too(
    provider: RawProvider, user: str
) -> None:
    late = replies(request_body="BUFFERED", delay_s=0.2)
    async with naive(provider, late, body_limit(LIMIT)) as lab, asyncio.timeout(1.5):
        body = chunk(b"x" * 8 * LIMIT) + chunk(b"")
        answered = await exchange(lab.port, post(["transfer-encoding: chunked"], user=user) + body)
        assert answered.status == 413


async def test_naive_the_default_limit_refuses_an_ordinary_request(provider: RawProvider, user: str) -> None:
    async with naive(provider, replies(request_body="BUFFERED"), body_limit(None)) as lab:
        # The body comes after the answer to the headers.
        head = post([f"content-length: {len(LARGE)}"], user=user)
        assert (await exchange(lab.port, head, LARGE, pause_s=0.1)).status == 413
    assert provider.asked == []
    (conversation,) = lab.server.conversations
    assert len(conversation.messages) == 1
    assert conversation.ended in ("eof", "cancelled")
