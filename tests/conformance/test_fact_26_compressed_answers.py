"""ext_proc sees compressed bytes: usage and the cache would be blind, and one small answer can hold gigabytes.

So providers are asked for plain answers, and those that compress all the same are inflated once, within a bound.
"""

from __future__ import annotations

import gzip
import zlib

import psutil
import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, exchange, post
from tests.fakes.raw_provider import RawProvider, completion, events, in_parts, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(26, "Compressed answers: not asked for, gzip and deflate read within a bound, others counted"),
]

PLAIN = completion("Hello.", output=77)
BOMB = gzip.compress(completion("a" * 200_000_000, output=9), compresslevel=1)
"""200 MB in less than one."""
BOUND = 100 * 1024 * 1024


async def test_providers_are_asked_for_plain_answers(ours: Ours, provider: RawProvider, user: str) -> None:
    await ours.ask("hello", "accept-encoding: gzip, br", user=user)
    assert provider.asked[0].header("accept-encoding") is None


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(PLAIN)), ("deflate", zlib.compress(PLAIN)), ("GZip", gzip.compress(PLAIN))],
)
async def test_a_compressed_answer_is_read_and_passes_as_it_is(
    ours: Ours, provider: RawProvider, user: str, encoding: str, body: bytes
) -> None:
    provider.answer = whole(body, f"content-encoding: {encoding}")
    answered = await ours.ask("hello", user=user)
    assert (answered.body, answered.headers["content-encoding"]) == (body, encoding)
    (record,) = await ours.of(user)
    assert (record["usage"]["output"], record["usage"]["estimated"], record["cache"]["stored"]) == (77, False, True)


async def test_a_compressed_stream_is_read_and_passes_as_it_is(ours: Ours, provider: RawProvider, user: str) -> None:
    press = zlib.compressobj(wbits=31)
    parts = [press.compress(event) + press.flush(zlib.Z_SYNC_FLUSH) for event in events(5, output=55)]
    provider.answer = in_parts([*parts, press.flush()], "content-encoding: gzip")
    answered = await ours.ask("hello", user=user, stream=True)
    assert gzip.decompress(answered.body) == b"".join(events(5, output=55))
    (record,) = await ours.of(user)
    assert (record["usage"]["output"], record["usage"]["estimated"]) == (55, False)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
async def test_another_encoding_passes_unread_and_counted(
    ours: Ours, provider: RawProvider, user: str, encoding: str
) -> None:
    body = bytes(range(256)) * 4
    provider.answer = whole(body, f"content-encoding: {encoding}")
    counted = await ours.stack.metric("costward_degradations_total", code="usage-estimated")
    assert (await ours.ask("hello", user=user)).body == body
    (record,) = await ours.of(user)
    assert (record["usage"]["estimated"], record["cache"]["stored"]) == (True, False)
    assert record["usage"]["output"] > 0
    assert await ours.stack.metric("costward_degradations_total", code="usage-estimated") == counted + 1


async def test_a_bomb_costs_bounded_memory(ours: Ours, provider: RawProvider, user: str) -> None:
    pid = ours.stack.stack.data_plane_pid
    assert pid is not None
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    before = sum(process.memory_info().rss for process in family)
    provider.answer = whole(BOMB, "content-encoding: gzip")
    assert (await ours.ask("hello", user=user)).body == BOMB
    (record,) = await ours.of(user)
    assert record["cache"]["stored"] is False
    assert record["cost"] > 0
    assert sum(process.memory_info().rss for process in family) - before < BOUND


async def test_naive_a_reader_of_what_comes_sees_no_json(lab: Lab, provider: RawProvider, user: str) -> None:
    provider.answer = whole(gzip.compress(PLAIN), "content-encoding: gzip")
    lab.server.script = replies(response_body="STREAMED")
    await lab.ask("hello", user=user)
    seen = b"".join(lab.server.conversations[0].bodies("response_body"))
    assert seen.startswith(b"\x1f\x8b")
    assert b"usage" not in seen


async def test_a_compressed_request_is_read_and_changed_plain(ours: Ours, provider: RawProvider, user: str) -> None:
    body = gzip.compress(chat("hello", model="auto"))
    head = post([f"content-length: {len(body)}", "content-encoding: gzip"], user=user)
    assert (await exchange(ours.port, head, body)).status == 200
    (asked,) = provider.asked
    assert (asked.json["model"], asked.header("content-encoding")) == ("gpt-5", None)


async def test_one_that_need_not_change_goes_as_it_came(ours: Ours, provider: RawProvider, user: str) -> None:
    body = gzip.compress(chat("hello"))
    head = post([f"content-length: {len(body)}", "content-encoding: gzip"], user=user)
    assert (await exchange(ours.port, head, body)).status == 200
    (asked,) = provider.asked
    assert (asked.body, asked.header("content-encoding")) == (body, "gzip")
    (record,) = await ours.of(user)
    assert record["asked_model"] == "gpt-5-mini"
