"""A handler that ends its stream with OK after the headers leaves the rest of the exchange to flow untouched.

It is how an exchange that no policy governs costs one message and nothing more.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import Conversation, neutral
from tests.fakes.raw_client import chat
from tests.fakes.raw_provider import RawProvider, completion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(2, "A stream that ends with OK after the headers lets the exchange flow on untouched"),
]


async def test_an_exchange_without_a_policy_costs_one_message(
    ungoverned: Ours, provider: RawProvider, user: str
) -> None:
    sent, failed = await ungoverned.count("stream_msgs_sent"), await ungoverned.count("streams_failed")
    answered = await ungoverned.ask("hello", user=user)
    assert (answered.status, answered.body) == (200, completion())
    assert provider.asked[0].body == chat("hello")
    assert await ungoverned.count("stream_msgs_sent") == sent + 1
    assert await ungoverned.count("streams_failed") == failed
    assert [name for name in answered.headers if name.startswith("x-costward")] == []


async def test_lab_the_rest_flows_also_where_the_filter_fails_closed(closed_lab: Lab, user: str) -> None:
    async def headers_only(conversation: Conversation) -> None:
        await conversation.write(neutral(await conversation.read()))

    closed_lab.server.script = headers_only
    answered = await closed_lab.ask("hello", user=user)
    assert (answered.status, answered.body) == (200, completion())
    assert len(closed_lab.server.conversations[0].messages) == 1


async def test_naive_ending_with_an_error_loses_the_exchange(closed_lab: Lab, provider: RawProvider, user: str) -> None:
    async def raises(conversation: Conversation) -> None:
        await conversation.read()
        raise ValueError("not an LLM call")

    closed_lab.server.script = raises
    assert (await closed_lab.ask("hello", user=user)).status == 500
    assert provider.asked == []
