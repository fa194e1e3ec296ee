"""A BUFFERED body that a reply changes needs a right content-length, or none, in that same reply: else Envoy gives up.

We rewrite model names, so the client would get a 500 for each alias.
"""

from __future__ import annotations

from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import neutral, replies
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(15, "A rewritten BUFFERED body needs its content-length removed or right in the same reply"),
]


async def test_a_rewritten_body_arrives_whole(ours: Ours, provider: RawProvider, user: str) -> None:
    answered = await ours.ask("hello", user=user, model="auto")
    (asked,) = provider.asked
    assert answered.status == 200
    assert asked.json["model"] == "gpt-5"
    assert asked.framing == "chunked"


async def test_a_body_that_stays_keeps_its_length(ours: Ours, provider: RawProvider, user: str) -> None:
    await ours.ask("hello", user=user)
    (asked,) = provider.asked
    assert asked.header("content-length") == str(len(asked.body))


def shortened(message: Any) -> Any:
    if not message.HasField("request_body"):
        return neutral(message)
    body = message.request_body.body[:-1] + b'  "n":1}'
    return pb.ProcessingResponse(request_body={"response": {"body_mutation": {"body": body}}})


async def test_naive_the_old_length_is_a_500(closed_lab: Lab, provider: RawProvider, user: str) -> None:
    closed_lab.server.script = replies(shortened, request_body="BUFFERED")
    answered = await closed_lab.ask("hello", user=user)
    assert answered.status == 500
    assert provider.asked == []
