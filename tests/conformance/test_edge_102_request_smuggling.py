"""A request that two parsers read differently is a second request in disguise: Envoy refuses it before we see a byte.

Through a proxy that lets them pass, a caller would reach the provider around its caps, with another's connection.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, settle
from tests.fakes.raw_client import chat, connection, post
from tests.fakes.raw_provider import RawProvider, chunk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(102, "Request smuggling shapes are refused by Envoy before us, or mean one request"),
]

BODY = chat("hello")
INNER = b"POST /v1/chat/completions HTTP/1.1\r\nhost: llm\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = {
    "length-and-chunked": post([f"content-length: {len(BODY)}", "transfer-encoding: chunked"], user="u")
    + chunk(BODY)
    + chunk(b""),
    "chunked-and-length": post(["transfer-encoding: chunked", "content-length: 5"], user="u") + chunk(b"") + INNER,
    "two-lengths": post([f"content-length: {len(BODY)}", "content-length: 5"], user="u") + BODY,
    "a-list-of-lengths": post([f"content-length: {len(BODY)}, 5"], user="u") + BODY,
    "space-before-colon": post([f"content-length : {len(BODY)}"], user="u") + BODY,
    "signed-length": post([f"content-length: +{len(BODY)}"], user="u") + BODY,
    "odd-coding": post(["transfer-encoding: xchunked"], user="u") + chunk(BODY) + chunk(b""),
    "chunked-twice": post(["transfer-encoding: chunked, identity"], user="u") + chunk(BODY) + chunk(b""),
    "null-in-a-header": post(["x-null: a\x00b", f"content-length: {len(BODY)}"], user="u") + BODY,
    "bad-chunk-size": post(["transfer-encoding: chunked"], user="u") + b"0x5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_it_reaches_nobody(ours: Ours, provider: RawProvider, user: str, name: str) -> None:
    started = len(ours.stack.decisions)
    async with connection(ours.port) as line:
        await line.send(REFUSED[name].replace(b"x-user-id: u", f"x-user-id: {user}".encode()))
        answered = await line.answer(5)
    await settle()
    assert answered.status in (400, 501, 502) or (answered.status == 0 and not answered.whole)
    assert provider.asked == []
    assert provider.left_over == []
    governed = list(ours.stack.decisions.values())[started:]
    assert [record for record in governed if record["cost"]] == []


async def test_a_folded_line_is_part_of_the_value_before_it(ours: Ours, provider: RawProvider, user: str) -> None:
    """Envoy joins it, as RFC 9112 §5.2 allows, and sends one line on: nobody can read a second length out of it."""
    async with connection(ours.port) as line:
        await line.send(post(["x-fold: a", " content-length: 5", f"content-length: {len(BODY)}"], user=user) + BODY)
        assert (await line.answer(5)).status == 200
    (asked,) = provider.asked
    assert (asked.body, asked.header("content-length")) == (BODY, str(len(BODY)))
    assert (asked.header("x-fold") or "").split() == ["a", "content-length:", "5"]
    assert provider.left_over == []


async def test_what_follows_a_request_is_a_request_of_its_own(ours: Ours, provider: RawProvider, user: str) -> None:
    """Pipelined, as HTTP/1.1 allows: both are governed."""
    two = post([f"content-length: {len(BODY)}"], user=user) + BODY
    async with connection(ours.port) as line:
        await line.send(two + two.replace(b"hello", b"again"))
        await settle(0.3)
    records = await ours.of(user, 2)
    assert [record["decision"] for record in records] == ["pass", "pass"]
    assert len(provider.asked) == 2


async def test_naive_without_a_proxy_the_shapes_are_two_requests(provider: RawProvider) -> None:
    """The provider itself, asked directly, takes what follows the first length for a second request."""
    async with connection(provider.port) as line:
        await line.send(post(["content-length: 2"], user="u") + b"{}" + INNER)
        await settle(0.2)
    assert [asked.body for asked in provider.asked] == [b"{}", b"{}"]
