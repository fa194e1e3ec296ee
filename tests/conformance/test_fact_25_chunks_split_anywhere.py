"""Chunks are cut anywhere, also inside an event and a character, and often an empty one ends the stream.

Who parses chunk by chunk misreads usage and caches half answers; the same bytes must mean the same in any cut.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, cut, exchange, post
from tests.fakes.raw_provider import RawProvider, chunk, completion, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(25, "Chunks split anywhere, the last may be empty: reassembled before they are read"),
]

STREAM = b"".join(events(6, output=321))


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_a_streams_usage_is_read_however_it_is_cut(
    ours: Ours, provider: RawProvider, user: str, size: int
) -> None:
    provider.answer = in_parts(cut(STREAM, size))
    answered = await ours.ask("hello", user=user, stream=True, stream_options={"include_usage": True})
    assert (answered.whole, answered.body) == (True, STREAM)
    (record,) = await ours.of(user)
    assert (record["usage"]["output"], record["usage"]["estimated"], record["end"]) == (321, False, "complete")


@pytest.mark.parametrize("size", [1, 33])
async def test_a_usage_chunk_of_ours_is_taken_out_however_it_is_cut(
    ours: Ours, provider: RawProvider, user: str, size: int
) -> None:
    provider.answer = in_parts(cut(STREAM, size))
    answered = await ours.ask("hello", user=user, stream=True)
    *before, _usage, done = events(6, output=321)
    assert answered.body == b"".join([*before, done])


async def test_a_whole_answer_in_single_bytes_is_read(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(cut(completion("Grüße", output=77), 1), media="application/json")
    await ours.ask("hello", user=user)
    (record,) = await ours.of(user)
    assert (record["usage"]["output"], record["cache"]["stored"]) == (77, True)


async def test_a_request_in_single_bytes_is_read(ours: Ours, provider: RawProvider, user: str) -> None:
    parts = [chunk(part) for part in cut(chat("hello", model="auto"), 1)]
    answered = await exchange(ours.port, post(["transfer-encoding: chunked"], user=user), *parts, chunk(b""))
    assert answered.status == 200
    assert provider.asked[0].json["model"] == "gpt-5"


async def test_naive_a_reader_of_single_chunks_misses_the_usage(lab: Lab, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(cut(STREAM, 100), pause_s=0.001)
    lab.server.script = replies(response_body="STREAMED")
    await lab.ask("hello", user=user)
    parts = lab.server.conversations[0].bodies("response_body")
    readable = [line for part in parts for line in re.findall(rb"^data: (\{.*\})$", part, re.MULTILINE)]
    assert b"".join(parts) == STREAM
    assert [line for line in readable if json.loads(line).get("usage")] == []
