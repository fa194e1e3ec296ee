"""A headers reply widens headers-only to BUFFERED and STREAMED; a static FULL_DUPLEX_STREAMED cannot be narrowed.

So the filter's own mode must be the narrowest, or each exchange pays for the widest.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.fakes.conformance import Lab, Ours, naive
from tests.fakes.envoy_edits import static_modes, with_processor
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat
from tests.fakes.raw_provider import RawProvider, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(11, "mode_override widens headers-only per request; a static FULL_DUPLEX cannot be narrowed"),
]

STATIC = static_modes(request_body_mode="FULL_DUPLEX_STREAMED", request_trailer_mode="SEND")


async def test_a_governed_request_is_read_and_its_answer_followed(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(events(8))
    assert (await ours.ask("hello", user=user, stream=True)).whole
    (record,) = await ours.of(user)
    assert record["inputs"]["body_bytes"] == len(chat("hello", stream=True))
    assert record["usage"]["output"] == 8
    assert record["usage"]["estimated"] is False


async def test_lab_an_override_to_nothing_costs_one_message(lab: Lab, user: str) -> None:
    await lab.ask("hello", user=user)
    assert [len(conversation.messages) for conversation in lab.server.conversations] == [1]


async def test_naive_a_static_full_duplex_stays(provider: RawProvider, user: str) -> None:
    async with naive(provider, replies(request_body="BUFFERED"), STATIC) as lab:
        # A body of many reads: a short one may come as one message in either mode.
        with contextlib.suppress(TimeoutError):
            await lab.ask("hello " * 50_000, user=user)
    # Several messages for a body that BUFFERED sends in one, or none: the wish was not granted.
    assert len(lab.server.conversations[0].bodies("request_body")) != 1


async def test_naive_without_leave_to_override_bodies_stay_unread(ours: Ours, user: str) -> None:
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, with_processor(allow_mode_override=None))
        answered = await beside.ask("hello", user=user, model="auto")
        assert "x-costward-decision" not in answered.headers
        (record,) = await ours.of(user)
        assert record["reason"] == "no-body"
