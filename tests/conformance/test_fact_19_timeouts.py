"""message_timeout bounds one message (200 ms unless raised), grpc_service.timeout bounds nothing of a stream.

At 200 ms a slow embedding on a busy machine would let requests around the caps; ours is 1 s, and can be stretched once.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours, naive
from tests.fakes.envoy_edits import processor, with_processor
from tests.fakes.naive_server import Conversation, replies
from tests.fakes.raw_provider import RawProvider, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(19, "message_timeout (raised to 1 s) bounds one message; the gRPC timeout bounds no stream"),
]

SLOW_S = 0.5
MARK = {"header_mutation": {"set_headers": [{"header": {"key": "x-seen", "raw_value": b"yes"}}]}}


def marking(message: Any) -> Any:
    return pb.ProcessingResponse(request_headers={"response": MARK})


async def test_half_a_second_of_ours_is_waited_for(lab: Lab, provider: RawProvider, user: str) -> None:
    lab.server.script = replies(marking, delay_s=SLOW_S)
    assert (await lab.ask("hello", user=user)).status == 200
    assert provider.asked[0].header("x-seen") == "yes"


async def test_naive_at_envoys_default_it_is_not(provider: RawProvider, user: str) -> None:
    script = replies(marking, delay_s=SLOW_S)
    async with naive(provider, script, with_processor(message_timeout=None, max_message_timeout=None)) as lab:
        await lab.ask("hello", user=user)
        assert await lab.count("message_timeouts") == 1
        assert await lab.count("failure_mode_allowed") == 1
    assert provider.asked[0].header("x-seen") is None


def impatient(bootstrap: dict[str, Any]) -> None:
    processor(bootstrap)["grpc_service"]["timeout"] = "0.3s"


async def test_a_stream_longer_than_every_timeout_is_whole(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(events(12), pause_s=0.1)
    answered = await ours.ask("hello", user=user, stream=True)
    assert answered.whole
    (record,) = await ours.of(user)
    assert (record["end"], record["timings"]["ended"] > 1_300) == ("complete", True)


async def test_lab_the_grpc_timeout_does_not_cut(provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(events(8), pause_s=0.1)
    async with naive(provider, replies(response_body="STREAMED"), impatient) as lab:
        answered = await lab.ask("hello", user=user)
    assert (answered.whole, answered.body) == (True, b"".join(events(8)))
    assert len(lab.server.conversations[0].bodies("response_body")) > 8


async def test_lab_one_message_can_be_stretched_within_the_maximum(lab: Lab, provider: RawProvider, user: str) -> None:
    async def stretching(conversation: Conversation) -> None:
        message = await conversation.read()
        longer = pb.ProcessingResponse()
        longer.override_message_timeout.FromMilliseconds(3_000)
        await conversation.write(longer)
        await asyncio.sleep(1.3)
        await conversation.write(marking(message))

    lab.server.script = stretching
    await lab.ask("hello", user=user)
    assert provider.asked[0].header("x-seen") == "yes"
