"""A request's body may come at any pace: byte by byte, after 100-continue, with trailers behind it, or never.

Our deadline counts our own work, not the caller's pace; a caller that never ends must not hold anything of the caps.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.conformance import Ours, Proxy, settle
from tests.fakes.h2_client import ask_h2, chat_headers
from tests.fakes.raw_client import chat, connection, cut, exchange, post
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(101, "Bodies of any pace: single bytes, pauses, 100-continue, trailers, and those that never end"),
]

BODY = chat("hello")


async def test_a_body_with_pauses_longer_than_every_deadline_of_ours(
    by_profile: Proxy, ours: Ours, provider: RawProvider, user: str
) -> None:
    head = post([f"content-length: {len(BODY)}"], user=user)
    answered = await exchange(by_profile.port, head, *cut(BODY, 30), pause_s=0.4)
    assert answered.headers["x-costward-decision"] == "pass"
    (record,) = await ours.of(user)
    assert (record["reserved"] > 0, record["warnings"]) == (True, [])
    assert provider.asked[0].body == BODY


async def test_a_caller_that_waits_for_100_continue_is_told_to_go_on(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    async with connection(ours.port) as line:
        await line.send(post([f"content-length: {len(BODY)}", "expect: 100-continue"], user=user))
        interim = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 5)
        await line.send(BODY)
        answered = await line.answer()
    assert interim.startswith(b"HTTP/1.1 100")
    assert answered.headers["x-costward-decision"] == "pass"
    assert (provider.asked[0].body, provider.asked[0].header("expect")) == (BODY, None)


async def test_slow_loris_holds_no_reservation_and_others_pass(ours: Ours, provider: RawProvider, user: str) -> None:
    async with connection(ours.port) as loris, connection(ours.port) as other:
        await loris.send(post([f"content-length: {len(BODY)}"], user=user), BODY[:5])
        await other.send(post(["content-length: 0"], user=f"{user}-headers")[:-2])
        await settle()
        assert (await ours.stack.settled()).reserved == 0
        assert (await ours.ask("others", user=f"{user}-other")).status == 200
    (record,) = await ours.of(user)
    assert (record["end"], record["reason"], record["cost"]) == ("aborted", "no-body", 0)
    assert [asked for asked in provider.asked if asked.header("x-user-id") == user] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_request_trailers_change_nothing(ours: Ours, provider: RawProvider, user: str, stream: bool) -> None:
    body = chat("hello", model="auto", stream=stream)
    answered = await ask_h2(ours.port, chat_headers(user), [body[:9], body[9:]], trailers=[("x-checksum", "1")])
    assert answered.status == 200
    assert answered.headers["x-costward-decision"] == "route"
    assert provider.asked[0].json["model"] == "gpt-5"
    assert len(await ours.of(user)) == 1


async def test_chunked_trailers_change_nothing(ours: Ours, provider: RawProvider, user: str) -> None:
    head = post(["transfer-encoding: chunked", "trailer: x-costward-route"], user=user)
    answered = await exchange(ours.port, head + chunk(BODY) + b"0\r\nx-costward-route: off\r\n\r\n")
    assert answered.headers["x-costward-decision"] == "pass"
    assert provider.asked[0].body == BODY
    assert provider.asked[0].trailers == []


async def test_naive_a_deadline_from_the_headers_on_would_be_over(ours: Ours, user: str) -> None:
    head = post([f"content-length: {len(BODY)}"], user=user)
    await exchange(ours.port, head, BODY, pause_s=0.4)
    (record,) = await ours.of(user)
    # More than the 200 ms that our own work may take, before a byte of the body had come.
    assert record["timings"]["decided"] > 400
