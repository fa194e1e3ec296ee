"""A client may speak HTTP/2: the same requests, bodies and streams mean the same as over HTTP/1.1.

Its streams share one connection, so what one of them does must not be felt by the others.
"""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from tests.fakes.conformance import Ours
from tests.fakes.h2_client import ask_both_h2, ask_h2, chat_headers
from tests.fakes.raw_client import CHAT, chat, cut
from tests.fakes.raw_provider import RawProvider, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(103, "HTTP/2 clients: bodies in any frames, streams beside each other, resets settled"),
]


async def test_a_body_in_many_frames_without_a_length(ours: Ours, provider: RawProvider, user: str) -> None:
    body = chat("word " * 2_000)
    answered = await ask_h2(ours.port, chat_headers(user), cut(body, 1_000))
    assert (answered.status, answered.headers["x-costward-decision"]) == (200, "pass")
    assert provider.asked[0].body == body


async def test_twenty_streams_share_a_connection(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(events(10), pause_s=0.005)
    async with httpx.AsyncClient(base_url=ours.envoy.url, http1=False, http2=True, timeout=10) as client:

        async def ask(number: int) -> httpx.Response:
            headers = {"x-user-id": f"{user}-{number}", "x-costward-task": user, "content-type": "application/json"}
            return await client.post(CHAT, content=chat(f"stream {number}", stream=True), headers=headers)

        answers = await asyncio.gather(*(ask(number) for number in range(20)))
    *before, _usage, done = events(10)
    assert {answer.content for answer in answers} == {b"".join([*before, done])}
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert {record["usage"]["output"] for record in await ours.of(user, 20)} == {10}


async def test_a_stream_that_is_left_is_settled_and_its_neighbour_goes_on(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = in_parts(events(30), pause_s=0.01)
    kept, left = f"{user}-kept", f"{user}-left"
    answers = await ask_both_h2(
        ours.port,
        (chat_headers(kept), chat("whole", stream=True)),
        (chat_headers(left), chat("left", stream=True)),
        leave_second_at=b"w3 ",
    )
    assert answers[0].body.endswith(b"data: [DONE]\n\n")
    assert b"w20 " not in answers[1].body
    (one,), (other,) = await ours.of(kept), await ours.of(left)
    assert (one["end"], other["end"]) == ("complete", "aborted")
    assert 0 < other["usage"]["output"] < 30


async def test_naive_a_reader_that_waits_for_a_length_would_find_none(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    await ask_h2(ours.port, chat_headers(user), [chat("hello")])
    (asked,) = provider.asked
    assert asked.header("content-length") is None
    assert json.loads(asked.body)["model"] == "gpt-5-mini"
