"""A handler that ends with OK and answers nothing lets the request through, also where the filter fails closed.

So a forgotten reply is a silent way around every cap: only what no policy governs may take it.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation
from tests.fakes.raw_client import chat, exchange, post, request
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(3, "A stream that ends with OK unanswered is a silent pass, also failing closed"),
]

HARD = {
    "malformed": b"{oops",
    "not-json": b"\xff\xfe",
    "no-object": b"[1]",
    "twice": b'{"model":"a","model":"b","messages":[]}',
    "empty": b"",
    "no-model": b'{"messages":[]}',
}


@pytest.mark.parametrize("name", HARD)
async def test_no_governed_request_passes_without_a_decision(
    ours: Ours, provider: RawProvider, user: str, name: str
) -> None:
    answered = await exchange(ours.port, request(HARD[name], user=user))
    assert answered.headers["x-costward-decision"] == "pass"
    (record,) = await ours.of(user)
    assert record["reserved"] > 0
    assert len(provider.asked) == 1


async def test_a_chunked_request_gets_its_decision_too(ours: Ours, user: str) -> None:
    head = post(["transfer-encoding: chunked"], user=user)
    answered = await exchange(ours.port, head + chunk(chat("hello")) + chunk(b""))
    assert answered.headers["x-costward-decision"] == "pass"
    assert len(await ours.of(user)) == 1


async def test_naive_a_silent_return_passes_though_the_filter_fails_closed(
    closed_lab: Lab, provider: RawProvider, user: str
) -> None:
    async def forgets(conversation: Conversation) -> None:
        await conversation.read()

    closed_lab.server.script = forgets
    allowed = await closed_lab.count("failure_mode_allowed")
    assert (await closed_lab.ask("hello", user=user)).status == 200
    assert len(provider.asked) == 1
    # Envoy does not count it either.
    assert await closed_lab.count("failure_mode_allowed") == allowed
