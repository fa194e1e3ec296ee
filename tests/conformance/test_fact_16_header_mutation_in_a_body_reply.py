"""Header mutations in a body reply count only in BUFFERED; in STREAMED they are dropped once the headers have left.

So what must not reach the provider is taken away in the headers reply, for any length and pace of the body.
"""

from __future__ import annotations

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import neutral, replies
from tests.fakes.raw_client import chat, cut, exchange, post
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(16, "Header mutations in a body reply count only in BUFFERED: ours are in the headers reply"),
]

SET = {"header_mutation": {"set_headers": [{"header": {"key": "x-late", "raw_value": b"yes"}}]}}


async def test_what_must_not_leave_is_gone_whatever_the_bodys_pace(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    headers = ["transfer-encoding: chunked", "x-costward-task: t-1", "accept-encoding: gzip"]
    parts = [chunk(part) for part in cut(chat("hello"), 10)]
    await exchange(ours.port, post(headers, user=user), *parts, chunk(b""), pause_s=0.01)
    (asked,) = provider.asked
    assert (asked.header("x-costward-task"), asked.header("accept-encoding")) == (None, None)
    assert asked.header("x-user-id") == user


def late(message: pb.ProcessingRequest) -> pb.ProcessingResponse:
    if message.HasField("request_body"):
        return pb.ProcessingResponse(request_body={"response": SET})
    return neutral(message)


@pytest.mark.parametrize(("mode", "arrived"), [("BUFFERED", "yes"), ("STREAMED", None)])
async def test_naive_a_header_set_with_the_body(
    lab: Lab, provider: RawProvider, user: str, mode: str, arrived: str | None
) -> None:
    lab.server.script = replies(late, request_body=mode)
    body = chat("hello")
    parts = cut(body, 20)
    answered = await exchange(lab.port, post([f"content-length: {len(body)}"], user=user), *parts, pause_s=0.02)
    assert answered.status == 200
    assert provider.asked[0].header("x-late") == arrived
