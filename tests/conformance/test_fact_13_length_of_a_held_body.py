"""A standalone override keeps the client's content-length: a body of another length becomes a second request.

That is request smuggling by our own hand; whoever rewrites must take the length away in the headers reply.
"""

from __future__ import annotations

from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours, settle
from tests.fakes.naive_server import WIDE, Conversation, Script, whole_body
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(13, "A held body of another length needs content-length removed in the headers reply"),
]

LONGER = chat("hello", metadata={"added": "by the rewrite"})


def rewriting(header_mutation: dict[str, Any]) -> Script:
    async def script(conversation: Conversation) -> None:
        await conversation.read()
        await conversation.write(WIDE)
        await whole_body(conversation)
        await conversation.write(
            pb.ProcessingResponse(request_headers={"response": {"header_mutation": header_mutation}})
        )
        mutation = {"streamed_response": {"body": LONGER, "end_of_stream": True}}
        await conversation.write(pb.ProcessingResponse(request_body={"response": {"body_mutation": mutation}}))
        await conversation.read()

    return script


async def test_our_rewrites_leave_nothing_behind(ours: Ours, provider: RawProvider, user: str) -> None:
    for text in ("one", "two"):
        assert (await ours.ask(text, user=user, model="auto")).status == 200
    await settle()
    assert [asked.json["model"] for asked in provider.asked] == ["gpt-5", "gpt-5"]
    assert provider.left_over == []


async def test_lab_a_removed_length_is_right(lab: Lab, provider: RawProvider, user: str) -> None:
    lab.server.script = rewriting({"remove_headers": ["content-length"]})
    answered = await exchange(lab.port, request(chat("hello"), user=user))
    assert (answered.status, provider.asked[0].body) == (200, LONGER)
    await settle()
    assert provider.left_over == []


@pytest.mark.parametrize("mutation", ["kept", "set"])
async def test_naive_a_length_that_stays_leaves_stray_bytes(
    lab: Lab, provider: RawProvider, user: str, mutation: str
) -> None:
    option = {"header": {"key": "content-length", "raw_value": str(len(LONGER)).encode()}}
    lab.server.script = rewriting({"set_headers": [option]} if mutation == "set" else {})
    await exchange(lab.port, request(chat("hello"), user=user))
    assert len(provider.asked[0].body) == len(chat("hello")) < len(LONGER)
    await settle(0.2)
    assert b"".join(provider.left_over) or len(provider.asked) > 1
