"""Attributes and protocol_config come with a direction's first message only, and an absent attribute is missing.

A server that looks for them in the message at hand, or needs them, fails on the second one or in another mesh.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import with_processor
from tests.fakes.naive_server import replies
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(32, "Attributes come with a direction's first message only and may be missing"),
]

ASKED = with_processor(request_attributes=["source.address", "connection.uri_san_peer_certificate"])


async def test_with_or_without_attributes_the_decision_is_the_same(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    await ours.ask("one", user=user, model="auto")
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, ASKED)
        await beside.ask("two", user=user, model="auto")
    one, two = await ours.of(user, 2)
    assert [one[name] for name in ("decision", "reason", "workload", "user")] == [
        two[name] for name in ("decision", "reason", "workload", "user")
    ]


async def test_naive_the_second_message_has_none_and_an_absent_one_is_nowhere(provider: RawProvider, user: str) -> None:
    script = replies(request_body="BUFFERED", response_body="STREAMED")
    async with naive(provider, script, ASKED) as lab:
        await lab.ask("hello", user=user)
    messages = lab.server.conversations[0].messages
    told = {message.WhichOneof("request"): message for message in messages}
    (fields,) = told["request_headers"].attributes.values()
    assert list(fields.fields) == ["source.address"]
    assert told["request_headers"].HasField("protocol_config")
    bodies = [told["request_body"], told["response_body"]]
    assert [bool(message.attributes) or message.HasField("protocol_config") for message in bodies] == [False, False]
