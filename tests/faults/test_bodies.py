"""Bodies that nobody can read, or of any size, pace and packing: they pass byte by byte, are held to their caps, and
take bounded memory (promises P1 and P8)."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.fakes.conformance import Ours, ours
from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.raw_client import Answered, chat, connection, cut, exchange, post, request
from tests.fakes.raw_provider import Asked, chunk, completion, raw_provider, whole
from tests.fuzz.explore import mutated
from tests.fuzz.targets_json import TARGETS, readable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

MIB = 1024 * 1024
AT_ONCE = 8
FEW, MANY = 150, 3_000
"""Odd bodies in `make test` and in `make faults`."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Ours]:
    async with raw_provider() as provider, ours(provider) as stack:
        yield stack


def memory(stage: Ours) -> float:
    """Of the data plane, in MiB: resident now."""
    pid = stage.stack.stack.data_plane_pid
    assert pid is not None
    return float(psutil.Process(pid).memory_info().rss) / MIB


async def highest(stage: Ours, work: asyncio.Future[Any]) -> float:
    """The most memory while this work goes on."""
    most = memory(stage)
    while not work.done():
        most = max(most, memory(stage))
        await asyncio.sleep(0.02)
    return most


# ---- what cannot be read ----

CORPUS = [*TARGETS[0].seeds, *(data for _, data in TARGETS[0].corpus())]
ASKS = b'"stream_options":{"include_usage":true},'
MARK = "x-number: "


def odd_bodies(count: int) -> list[bytes]:
    """The same ones in each run: seeds of the reader's fuzzing with bytes changed, few of which are still JSON."""
    rng = random.Random(4)
    return [mutated(rng, CORPUS) for _ in range(count)]


@pytest.mark.fault("B1", "malformed, cut, doubled, deep and wrongly encoded JSON, and other content types")
async def test_odd_bodies_reach_the_provider_as_they_are(stage: Ours, row: Row, full: bool) -> None:
    bodies = odd_bodies(MANY if full else FEW)
    stage.provider.answer = whole(b'{"id" : "x",\r\n\t"a":NaN}')
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, body: bytes) -> Answered:
        async with gate:
            media = "text/plain" if number % 10 == 0 else "application/json"
            sent = request(body, f"{MARK}{number}", user=f"odd-{number}").replace(b"application/json", media.encode())
            return await exchange(stage.port, sent)

    answers = await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies)))
    received = {int(asked.header("x-number") or -1): asked.body for asked in stage.provider.asked}
    same = [is_as_sent(received.get(number), body) for number, body in enumerate(bodies)]
    row.exchanges = len(bodies)
    row.failed = sum(not (good and each.status == 200 and each.whole) for good, each in zip(same, answers, strict=True))
    unread = sum(readable(body) is None for body in bodies)
    row.said = f"{unread} of them are no JSON with one reading"
    assert row.failed == 0
    assert {each.body for each in answers} == {b'{"id" : "x",\r\n\t"a":NaN}'}
    assert all("x-costward-decision" in each.headers for each in answers), "somebody went by unseen"


def is_as_sent(received: bytes | None, body: bytes) -> bool:
    """A stream that is read is asked for its usage; nothing else ever changes."""
    if received is None or received == body:
        return received is not None
    document = readable(body)
    return document is not None and document.get("stream") is True and b"include_usage" in received


# ---- sizes and paces ----


@pytest.mark.fault("B2", "bodies of 64 MiB with a length, several at once")
async def test_a_huge_body_passes_unread_and_in_bounded_memory(stage: Ours, row: Row, full: bool) -> None:
    body = chat("x" * 64 * MIB)
    stage.provider.answer = digest
    before = memory(stage)
    work = asyncio.gather(
        *(exchange(stage.port, request(body, user=f"huge-{n}"), seconds=60) for n in range(4 if full else 2))
    )
    most = await highest(stage, work)
    answers = await work
    expected = hashlib.sha256(body).hexdigest().encode()
    row.exchanges, row.failed = len(answers), sum(expected not in each.body for each in answers)
    row.said = f"memory {before:.0f} MiB and {most - before:.0f} MiB more at most"
    records = [await stage.record(each) for each in answers]
    assert row.failed == 0, [each.status for each in answers]
    assert {record["reason"] for record in records} == {"unreadable-body-too-large"}
    assert min(record["reserved"] for record in records) > 0, "size does not go round the caps"
    assert most - before < 64


@pytest.mark.fault("B2", "a body of 64 MiB in chunks, over what Envoy may hold")
async def test_a_huge_chunked_body_is_refused_by_envoy(stage: Ours, row: Row) -> None:
    stage.provider.answer = digest
    before = memory(stage)
    parts = (chunk(b"x" * MIB) for _ in range(64))
    work = asyncio.gather(refused(stage.port, post(["transfer-encoding: chunked"], user="chunked"), *parts))
    most = await highest(stage, work)
    (answered,) = await work
    row.exchanges, row.failed = 1, int(answered.status != 413)
    row.said = f"413, as its declared exception; memory {most - before:.0f} MiB more at most"
    assert answered.status == 413
    assert most - before < 64


async def refused(port: int, *parts: bytes) -> Answered:
    """The answer comes while the body is still on its way."""
    async with connection(port) as line:
        sending = asyncio.create_task(line.send(*parts))
        try:
            return await line.answer(60)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def digest(asked: Asked) -> None:
    await whole(b'{"sha256":"%s"}' % hashlib.sha256(asked.body).hexdigest().encode())(asked)


def slow(body: bytes, user: str) -> Sequence[bytes]:
    head = post([f"content-length: {len(body)}"], user=user)
    return [*cut(head, 20), *cut(body, 10)]


def small_chunks(body: bytes, user: str) -> Sequence[bytes]:
    parts = b"".join(chunk(part) for part in cut(body, 1))
    return [post(["transfer-encoding: chunked"], user=user), *cut(parts, 6), b"0\r\n\r\n"]


PACES = {"in chunks of one byte": (small_chunks, 0.0), "a slow caller, a few bytes at a time": (slow, 0.05)}


@pytest.mark.fault("B2", "bodies in chunks of one byte, and callers that send a few bytes at a time")
@pytest.mark.parametrize("name", PACES)
async def test_a_pace_changes_nothing(name: str, stage: Ours, row: Row) -> None:
    cutting, pause = PACES[name]
    stage.provider.answer = digest
    bodies = [chat(f"{name} {number} " + "word " * 20) for number in range(AT_ONCE)]
    sent = [exchange(stage.port, *cutting(body, f"{name[:5]}-{n}"), pause_s=pause) for n, body in enumerate(bodies)]
    answers = await asyncio.gather(*sent)
    expected = [hashlib.sha256(body).hexdigest().encode() for body in bodies]
    row.exchanges = len(answers)
    row.failed = sum(digest not in each.body for digest, each in zip(expected, answers, strict=True))
    records = [await stage.record(each) for each in answers]
    assert row.failed == 0
    assert {record["decision"] for record in records} == {"pass"}
    assert all(record["reserved"] > 0 for record in records), "a slow caller goes round the caps"


@pytest.mark.fault("B2", "`Expect: 100-continue`")
async def test_a_caller_that_waits_is_told_to_go_on(stage: Ours, row: Row) -> None:
    stage.provider.answer = digest
    body = chat("expecting")
    async with connection(stage.port) as line:
        await line.send(post([f"content-length: {len(body)}", "expect: 100-continue"], user="expecting"))
        interim = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 10)
        await line.send(body)
        answered = await line.answer()
    row.exchanges, row.failed = 1, int(hashlib.sha256(body).hexdigest().encode() not in answered.body)
    assert interim.startswith(b"HTTP/1.1 100")
    assert row.failed == 0


# ---- packed answers ----

_ANSWER = completion("Packed. " * 50, prompt=20, output=150)
BROTLI_LIKE = bytes(random.Random(1).randbytes(400))
"""No encoding that is read here: any bytes do."""
PACKED = {
    "gzip": (gzip.compress(_ANSWER), True),
    "deflate": (zlib.compress(_ANSWER), True),
    "br": (BROTLI_LIKE, False),
    "zstd": (BROTLI_LIKE, False),
}


@pytest.mark.fault("B2", "answers packed with gzip, deflate, br and zstd although nobody asked")
@pytest.mark.parametrize("encoding", PACKED)
async def test_a_packed_answer_passes_and_is_counted(encoding: str, stage: Ours, row: Row) -> None:
    body, is_read = PACKED[encoding]
    stage.provider.answer = whole(body, f"content-encoding: {encoding}")
    answered = await exchange(stage.port, request(chat(f"packed {encoding}"), user=f"packed-{encoding}"))
    usage = (await stage.record(answered))["usage"]
    row.exchanges, row.failed = 1, int(answered.body != body)
    assert answered.body == body
    assert usage["estimated"] is not is_read
    assert not is_read or (usage["input"], usage["output"]) == (20, 150)
    assert usage["output"] > 0


@pytest.mark.fault("B2", "a gzip bomb of 1 GiB as an answer")
async def test_a_bomb_takes_bounded_memory(stage: Ours, row: Row) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    bomb = b"".join([*(packer.compress(bytes(MIB)) for _ in range(1024)), packer.flush()])
    stage.provider.answer = whole(bomb, "content-encoding: gzip")
    before = memory(stage)
    work = asyncio.gather(*(exchange(stage.port, request(chat(f"bomb {n}"), user=f"bomb-{n}")) for n in range(4)))
    most = await highest(stage, work)
    answers = await work
    for each in answers:
        await stage.record(each)
    most = max(most, memory(stage))
    row.exchanges, row.failed = len(answers), sum(each.body != bomb for each in answers)
    row.said = f"{len(bomb) / MIB:.1f} MiB on the wire; memory {most - before:.0f} MiB more at most"
    keep("bomb", vars(row))
    assert row.failed == 0
    assert most - before < 128
