"""Bodies pass Costward as they are: each is sent once to the provider itself and once through the stack, and both
sides must see the same bytes. What cannot be read is still somebody's money: it is capped like the rest."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from costward_contract.headers import REQUEST_HEADERS

from tests.fakes.recording_upstream import Received, Recorder, recording_upstream
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CHAT = "/chat/completions"
MESSAGES = '"messages":[{"role":"user","content":"Hi"}]'
DEEP = "[" * 64 + "]" * 64
USED_UP = {"prompt_tokens": 10, "completion_tokens": 50_000, "total_tokens": 50_010}
"""$0.10 of gpt-5-mini: more than a user may spend here."""


@dataclass(frozen=True)
class Sent:
    body: bytes
    path: str = CHAT
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)


JSON = {"content-type": "application/json"}


def chat(text: str) -> bytes:
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}]}).encode()


HARD_TO_READ = {
    "malformed": Sent(b'{"model": "gpt-5-mini", oops', headers=JSON),
    "truncated": Sent(f'{{"model":"gpt-5-mini",{MESSAGES}'.encode(), headers=JSON),
    "duplicate-keys": Sent(f'{{"model":"gpt-5-mini","model":"gpt-5",{MESSAGES}}}'.encode(), headers=JSON),
    "not-utf8": Sent(b'{"model":"gpt-5-mini","messages":[{"role":"user","content":"\xff\xfe"}]}', headers=JSON),
    "nan": Sent(f'{{"model":"gpt-5-mini","temperature":NaN,{MESSAGES}}}'.encode(), headers=JSON),
    "wrong-content-type": Sent(f'{{"model":"gpt-5-mini",{MESSAGES}}}'.encode(), headers={"content-type": "text/plain"}),
    "no-content-type": Sent(f'{{"model":"gpt-5-mini",{MESSAGES}}}'.encode()),
    "empty": Sent(b"", headers=JSON),
    "not-an-object": Sent(b"[1, 2]", headers=JSON),
    "deep": Sent(f'{{"model":"gpt-5-mini",{MESSAGES},"metadata":{DEEP}}}'.encode(), headers=JSON),
}
READABLE = {
    "odd-but-valid": Sent(
        b' {\n"model" : "gpt-5-mini" ,"x":1.0e2,"messages":[{"role":"user","content":"a\\u00e9\\/"}]}\r\n', headers=JSON
    ),
    "half-a-megabyte": Sent(chat("all work " * 60_000), headers=JSON),
    "five-megabytes": Sent(chat("all work " * 600_000), headers=JSON),
    "random-five-megabytes": Sent(os.urandom(5_000_000), headers={"content-type": "application/octet-stream"}),
}
ELSEWHERE = {
    "models": Sent(b"", path="/models?limit=3", method="GET"),
    "embeddings": Sent(b'{"model":"text-embedding-3-small","input":["a","b"]}', path="/embeddings", headers=JSON),
    "audio": Sent(b"\x00\x01\xff" * 100, path="/audio/speech", headers={"content-type": "application/octet-stream"}),
    "delete": Sent(b"", path="/files/file-1", method="DELETE"),
}
ALL = {**HARD_TO_READ, **READABLE, **ELSEWHERE}

LEAST_RESERVED = 1_024 * 2
"""µ$: the output that is assumed where none is said, at the rate of gpt-5-mini."""

CONTROLS = dict.fromkeys(REQUEST_HEADERS, "off")


@dataclass
class Both:
    """The provider, alone and behind the stack."""

    recorder: Recorder
    stack: RunningStack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both() -> AsyncIterator[Both]:
    async with (
        recording_upstream() as recorder,
        running_stack(policy(limit_usd="0.05", cache="Enforce", closed=True), upstream=recorder.url) as stack,
    ):
        yield Both(recorder, stack)


@pytest.fixture(autouse=True)
def odd_answers(both: Both) -> Iterator[None]:
    both.recorder.received.clear()
    both.recorder.usage = None
    yield
    both.recorder.usage = None


async def send(base_url: str, sent: Sent, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.request(
            sent.method, base_url + sent.path, content=sent.body, headers={**sent.headers, **headers}
        )


def seen(received: Received) -> tuple[Any, ...]:
    """What must be the same: framing, connection and forwarding headers are each hop's own."""
    return received.method, received.target, received.digest, received.headers.get("content-type")


@pytest.mark.parametrize("name", ALL)
async def test_both_sides_see_the_bytes_that_were_sent(both: Both, name: str) -> None:
    sent = ALL[name]
    direct = await send(both.recorder.url, sent)
    alone = both.recorder.take()
    through = await send(both.stack.stack.base_url, sent, **CONTROLS, **{"x-user-id": name})
    behind = both.recorder.take()
    assert seen(behind) == seen(alone)
    assert not [header for header in behind.headers if header.startswith("x-costward-")]
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    assert through.headers["content-type"] == direct.headers["content-type"]
    assert through.headers["x-odd"] == "yes"


@pytest.mark.parametrize(
    ("status", "media"), [("400", "application/json"), ("500", "text/html"), ("200", "text/event-stream")]
)
async def test_an_odd_answer_reaches_the_client_as_it_is(both: Both, status: str, media: str) -> None:
    sent = READABLE["odd-but-valid"]
    asked = {"x-answer-status": status, "x-answer-type": media, "x-user-id": "odd"}
    direct = await send(both.recorder.url, sent, **asked)
    through = await send(both.stack.stack.base_url, sent, **asked)
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    assert through.headers["content-type"] == direct.headers["content-type"]


@pytest.mark.parametrize("name", [*HARD_TO_READ, "random-five-megabytes", "half-a-megabyte"])
async def test_what_is_hard_to_read_is_reserved_and_capped(both: Both, name: str) -> None:
    sent, user = ALL[name], f"spender-{name}"
    both.recorder.usage = USED_UP
    # A hit would be free, also for who has spent all.
    caller = {"x-user-id": user, "cache-control": "no-store"}
    first = await send(both.stack.stack.base_url, sent, **caller)
    record = await both.stack.record(first)
    assert first.status_code == 200
    assert record["reserved"] >= LEAST_RESERVED
    assert record["cost"] > 50_000
    assert set(record["warnings"]) <= {"admitted-alone"}
    await both.stack.settled()
    second = await send(both.stack.stack.base_url, sent, **caller)
    assert (second.status_code, second.json()["error"]["code"]) == (429, "budget_exceeded")
    assert len(both.recorder.received) == 1


async def raw(base_url: str, head: str, *parts: bytes, expect: bool = False) -> tuple[bytes, bytes]:
    """What an HTTP library would not send: (interim response, the rest), as bytes of the connection."""
    at = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    head = (
        f"POST /v1{CHAT} HTTP/1.1\r\nhost: {at.netloc}\r\ncontent-type: application/json\r\nconnection: close\r\n{head}"
    )
    writer.write(head.encode() + b"\r\n")
    interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) if expect else b""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.1)
    rest = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return interim, rest


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def test_a_chunked_body_without_a_length_arrives_whole_and_is_capped(both: Both) -> None:
    body = READABLE["odd-but-valid"].body
    parts = [chunk(body[:7]), chunk(body[7:8]), chunk(body[8:]), b"0\r\n\r\n"]
    known = len(both.stack.decisions)
    _, answer = await raw(both.stack.stack.base_url, "transfer-encoding: chunked\r\nx-user-id: chunker\r\n", *parts)
    assert answer.startswith(b"HTTP/1.1 200")
    assert both.recorder.take().body == body
    # The pauses add up to more than our own deadline: a body on its way must not use it up.
    await until(lambda: len(both.stack.decisions) > known, "its record")
    record = list(both.stack.decisions.values())[-1]
    assert record["reserved"] > 0
    assert record["warnings"] == ["usage-estimated"]


async def test_a_caller_that_waits_for_100_continue_is_told_to_go_on(both: Both) -> None:
    body = READABLE["odd-but-valid"].body
    head = f"content-length: {len(body)}\r\nexpect: 100-continue\r\nx-user-id: expecting\r\n"
    interim, answer = await raw(both.stack.stack.base_url, head, body, expect=True)
    assert interim.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 200")
    assert both.recorder.take().body == body


async def test_no_header_of_our_own_prefix_leaves_with_a_body(both: Both) -> None:
    invented = {"x-costward-unheard-of": "z", "x-user-id": "inventor"}
    await send(both.stack.stack.base_url, READABLE["odd-but-valid"], **invented)
    assert not [header for header in both.recorder.take().headers if header.startswith("x-costward-")]


async def test_a_stream_without_a_wish_for_usage_is_changed_by_that_wish_alone(both: Both) -> None:
    body = b'{ "model":"gpt-5-mini", "stream" : true,"messages":[{"role":"user","content":"Hi"}] }'
    await send(both.stack.stack.base_url, Sent(body, headers=JSON), **{"x-user-id": "streamer"})
    received = both.recorder.take().body
    assert received.replace(b'"stream_options":{"include_usage":true},', b"") == body
