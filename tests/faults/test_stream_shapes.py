"""Streams of every shape that providers send, cut wherever the network likes: their bytes arrive as they were sent,
less the usage that only we asked for, and what they cost is known (promise P1)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.conformance import Ours, ours
from tests.fakes.fault_rows import Row
from tests.fakes.raw_client import Answered, chat, exchange, request
from tests.fakes.raw_provider import Answer, Asked, chunk, completion, events, head, raw_provider, whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PROMPT, OUTPUT = 11, 7
AT_ONCE = 8
"""Exchanges side by side: enough to fill both cores."""
CUTS = 6
"""Of a stream in `make test`; `make faults` cuts it at every byte."""


def tool_calls() -> list[bytes]:
    frame: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "model": "gpt-5-mini", "usage": None}
    call: dict[str, Any] = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "look", "arguments": ""},
    }
    more = [{"index": 0, "function": {"arguments": part}} for part in ('{"pa', 'th":"data: x\\n\\n', '"}')]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "tool_calls": [part]} for part in (call, *more)]
    rows = [{**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    rows.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return [f"data: {json.dumps(row)}\n\n".encode() for row in rows] + plain()[-2:]


def plain() -> list[bytes]:
    return events(4, prompt=PROMPT, output=OUTPUT)


@dataclass(frozen=True)
class Shape:
    events: Sequence[bytes]
    told: bool = True
    """Whether it says what was used."""
    trailers: bool = False
    usage_at: int = -2
    """Which event is the usage chunk."""

    @property
    def body(self) -> bytes:
        return b"".join(self.events)

    @property
    def without_usage(self) -> bytes:
        kept = list(self.events)
        if self.told:
            del kept[self.usage_at]
        return b"".join(kept)


ERROR = b'data: {"error":{"message":"the model broke","type":"server_error"}}\n\n'
SHAPES = {
    "plain": Shape(plain()),
    "crlf": Shape([event.replace(b"\n", b"\r\n") for event in plain()]),
    "cr": Shape([event.replace(b"\n", b"\r") for event in plain()]),
    "comments": Shape([b": keep-alive\n\n", *plain()[:2], b": x\n\n", *plain()[2:]]),
    "fields": Shape([b"event: m\nid: 1\nretry: 5\n" + event for event in plain()]),
    "no-space": Shape([event.replace(b"data: ", b"data:") for event in plain()]),
    "no-done": Shape(plain()[:-1], usage_at=-1),
    "no-blank-line-at-its-end": Shape([*plain()[:-1], b"data: [DONE]"]),
    "error-in-the-middle": Shape([*plain()[:2], ERROR], told=False),
    "tool-calls": Shape(tool_calls()),
    "no-usage": Shape([*plain()[:-2], plain()[-1]], told=False),
    "trailers": Shape(plain(), trailers=True),
}


def served(shape: Shape, at: Sequence[int]) -> Answer:
    """The stream in parts that end at these bytes, each in a packet of its own."""

    async def answer(asked: Asked) -> None:
        extra = ["trailer: x-checksum"] if shape.trailers else []
        await asked.send(head(200, "content-type: text/event-stream", "transfer-encoding: chunked", *extra))
        for start, end in zip([0, *at], [*at, len(shape.body)], strict=True):
            if start < end:
                await asked.send(chunk(shape.body[start:end]))
                # Another turn of the loop and of Envoy's: parts that are sent at once arrive as one.
                await asyncio.sleep(0.002)
        await asked.send(b"0\r\nx-checksum: 1\r\n\r\n" if shape.trailers else chunk(b""))

    return answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Ours]:
    async with raw_provider() as provider, ours(provider) as stack:
        yield stack


async def streamed(stage: Ours, text: str, *, asks: bool) -> Answered:
    wish = {"stream_options": {"include_usage": True}} if asks else {}
    return await exchange(stage.port, request(chat(text, stream=True, **wish), user=text))


async def tried(stage: Ours, name: str, at: Sequence[int], *, asks: bool, row: Row) -> None:
    """One exchange whose answer is cut at these bytes."""
    shape = SHAPES[name]
    where = ",".join(map(str, at[:6])) if len(at) < 20 else "everywhere"
    stage.provider.answer = by_request(stage, served(shape, at), text := f"{name} cut at {where} {asks}")
    answered = await streamed(stage, text, asks=asks)
    record = await stage.record(answered)
    row.exchanges += 1
    expected = shape.body if asks else shape.without_usage
    good = answered.status == 200 and answered.whole and answered.body == expected and counted(record, shape)
    row.failed += not good
    assert (answered.status, answered.whole, answered.body) == (200, True, expected), text
    assert counted(record, shape), (text, record["usage"])


ANSWERS: dict[str, Answer] = {}


def by_request(stage: Ours, answer: Answer, text: str) -> Answer:
    """Exchanges run side by side: each gets the answer that is meant for it."""
    ANSWERS[text] = answer

    async def choose(asked: Asked) -> None:
        await ANSWERS[asked.json["messages"][0]["content"]](asked)

    return choose


def counted(record: dict[str, Any], shape: Shape) -> bool:
    usage = record["usage"]
    if not shape.told:
        return bool(usage["estimated"]) and usage["input"] > 0
    return (usage["input"], usage["output"], usage["estimated"]) == (PROMPT, OUTPUT, False)


@pytest.mark.fault("B3", "streams of twelve shapes, cut at any byte and at every byte")
@pytest.mark.parametrize("name", SHAPES)
async def test_a_stream_arrives_as_it_was_sent_and_is_counted(name: str, stage: Ours, row: Row, full: bool) -> None:
    length = len(SHAPES[name].body)
    places = list(range(1, length)) if full else sorted(random.Random(name).sample(range(1, length), CUTS))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(at: Sequence[int], asks: bool) -> None:
        async with gate:
            await tried(stage, name, at, asks=asks, row=row)

    async with asyncio.TaskGroup() as group:
        for place in places:
            group.create_task(one([place], place % 2 == 0))
        for asks in (True, False):
            group.create_task(one(range(1, length), asks))
            group.create_task(one([], asks))


@pytest.mark.fault("B3", "a stream that the provider cuts, or that carries an error")
@pytest.mark.parametrize("kept", [1, 3, 5])
async def test_what_is_no_whole_answer_is_never_kept(kept: int, stage: Ours, row: Row) -> None:
    body = b"".join(plain()[:kept])

    async def cut(asked: Asked) -> None:
        await asked.send(head(200, "content-type: text/event-stream", "transfer-encoding: chunked") + chunk(body))
        await asyncio.sleep(0.02)
        asked.writer.close()

    text = f"cut after {kept}"
    stage.provider.answer = cut
    answered = await streamed(stage, text, asks=True)
    stage.provider.answer = whole(completion("Whole."))
    again = await exchange(stage.port, request(chat(text), user=text))
    row.exchanges, row.failed = (
        2,
        int(answered.body != body) + int(again.json["choices"][0]["message"]["content"] != "Whole."),
    )
    assert answered.body == body
    assert not answered.whole
    assert again.headers["x-costward-decision"] == "pass"
