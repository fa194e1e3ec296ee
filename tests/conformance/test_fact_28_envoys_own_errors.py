"""Envoy's own error replies pass the filter like a provider's answers.

Read as one, "upstream connect error" would be billed, or stored and served to others.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import replies
from tests.fakes.raw_provider import Asked, RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(28, "Envoy's own error replies are neither read as answers, nor billed, nor stored"),
]


async def hangs_up(asked: Asked) -> None:
    asked.writer.transport.abort()


async def test_it_is_free_and_the_next_request_goes_to_the_provider(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = hangs_up
    answered = await ours.ask("hello", user=user)
    assert answered.status == 503
    (record,) = await ours.of(user)
    assert (record["status"], record["cost"], record["cache"]["stored"]) == (503, 0, False)
    assert record["usage"]["output"] == 0
    provider.answer = whole(completion("true"))
    again = await ours.ask("hello", user=user)
    assert (again.status, again.headers["x-costward-decision"]) == (200, "pass")


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_a_providers_error_is_free_and_not_stored_either(
    ours: Ours, provider: RawProvider, user: str, status: int
) -> None:
    provider.answer = whole(b'{"error": {"message": "no"}}', status=status)
    assert (await ours.ask("hello", user=user)).status == status
    (record,) = await ours.of(user)
    assert (record["cost"], record["cache"]["stored"]) == (0, False)
    assert (await ours.stack.settled()).reserved == 0


async def test_naive_it_looks_like_an_answer(lab: Lab, provider: RawProvider, user: str) -> None:
    provider.answer = hangs_up
    lab.server.script = replies(response_body="STREAMED")
    await lab.ask("hello", user=user)
    (seen,) = [body for body in lab.server.conversations[0].bodies("response_body") if body]
    assert seen.startswith(b"upstream connect error")
