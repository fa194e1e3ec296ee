"""A reply with only a mode_override, before the headers reply, reads a body in FULL_DUPLEX while the headers are held.

Our wiring announces that this Envoy can (`standalone-override`); the announcement must be true, and an older proxy's
silence must change nothing today.
"""

from __future__ import annotations

import asyncio

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours, Proxy
from tests.fakes.naive_server import WIDE, Conversation, asking, mode
from tests.fakes.raw_client import chat, connection, exchange, post, request
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(12, "A standalone mode_override reads the body in FULL_DUPLEX while the headers are held"),
]

BODY = chat("hello")


async def heads_before_the_end(lab: Lab, provider: RawProvider, user: str) -> int:
    """How many requests the provider has seen the head of while half of the body was still on its way."""
    async with connection(lab.port) as line:
        await line.send(post([f"content-length: {len(BODY)}"], user=user), BODY[:20])
        await asyncio.sleep(0.2)
        return provider.heads


async def test_the_announced_capability_is_true(lab: Lab, provider: RawProvider, user: str) -> None:
    async def standalone(conversation: Conversation) -> None:
        await conversation.read()
        await conversation.write(WIDE)
        await conversation.read()
        await conversation.read()

    lab.server.script = standalone
    provider.heads = 0
    assert await heads_before_the_end(lab, provider, user) == 0
    (conversation,) = lab.server.conversations
    assert conversation.metadata["x-costward-capabilities"].split(",").count("standalone-override") == 1
    assert conversation.bodies("request_body") == [BODY[:20]]


async def test_naive_an_override_in_the_headers_reply_lets_them_go(lab: Lab, provider: RawProvider, user: str) -> None:
    async def joined(conversation: Conversation) -> None:
        await conversation.read()
        reply = asking()
        reply.mode_override.CopyFrom(mode(request_body="FULL_DUPLEX_STREAMED", trailers=True))
        await conversation.write(reply)
        part = await conversation.read()
        assert part is not None
        mutation = {"streamed_response": {"body": part.request_body.body, "end_of_stream": False}}
        await conversation.write(pb.ProcessingResponse(request_body={"response": {"body_mutation": mutation}}))
        await conversation.read()

    lab.server.script = joined
    provider.heads = 0
    assert await heads_before_the_end(lab, provider, user) == 1


async def test_known_and_unknown_lengths_are_read_by_either_proxy(
    by_profile: Proxy, ours: Ours, provider: RawProvider, user: str
) -> None:
    await exchange(by_profile.port, request(chat("known"), user=user))
    unknown = post(["transfer-encoding: chunked"], user=user) + chunk(chat("unknown")) + chunk(b"")
    await exchange(by_profile.port, unknown)
    assert [record["asked_model"] for record in await ours.of(user, 2)] == ["gpt-5-mini"] * 2
    assert [asked.body for asked in provider.asked] == [chat("known"), chat("unknown")]
