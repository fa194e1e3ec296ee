"""An ImmediateResponse may answer headers or a body; its content-type is text/plain unless it says otherwise.

SDKs read JSON errors and event streams by their type, so every answer of ours says it.
"""

from __future__ import annotations

import pytest
from costward_contract.wiring.spec import BODY_LIMIT_BYTES
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation, asking
from tests.fakes.raw_client import chat, exchange, post
from tests.fakes.raw_provider import RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(29, "An immediate answer has its dialect's content-type, from headers or from the body"),
]


@pytest.mark.parametrize(("stream", "media"), [(False, "application/json"), (True, "text/event-stream")])
async def test_a_hit_has_the_type_that_the_caller_asked_for(
    ours: Ours, provider: RawProvider, user: str, stream: bool, media: str
) -> None:
    await ours.ask("hello", user=user)
    assert (await ours.of(user))[0]["cache"]["stored"] is True
    answered = await ours.ask("hello", user=user, stream=stream)
    assert answered.headers["x-costward-decision"] == "hit-exact"
    assert answered.headers["content-type"].startswith(media)
    assert len(provider.asked) == 1


async def test_a_refusal_is_json_from_the_headers_and_from_the_body(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = whole(completion(output=600_000_000))
    await ours.ask("all that there is", user=user)
    await ours.of(user)
    await ours.stack.settled()
    by_headers = await exchange(ours.port, post([f"content-length: {BODY_LIMIT_BYTES + 1}"], user=user))
    by_body = await ours.ask("hello", user=user)
    for answered in (by_headers, by_body):
        assert (answered.status, answered.headers["content-type"]) == (429, "application/json")
        assert answered.json["error"]["code"] == "budget_exceeded"


@pytest.mark.parametrize("of", ["headers", "body"])
async def test_naive_without_a_word_it_is_plain_text(lab: Lab, provider: RawProvider, user: str, of: str) -> None:
    async def answers(conversation: Conversation) -> None:
        await conversation.read()
        if of == "body":
            await conversation.write(asking(request_body="BUFFERED"))
            await conversation.read()
        answer = {"status": {"code": 200}, "body": completion()}
        await conversation.write(pb.ProcessingResponse(immediate_response=answer))

    lab.server.script = answers
    answered = await exchange(lab.port, post([f"content-length: {len(chat('x'))}"], user=user), chat("x"))
    assert (answered.body, answered.headers["content-type"]) == (completion(), "text/plain")
    assert provider.asked == []
