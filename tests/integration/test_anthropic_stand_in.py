"""The stand-in as Anthropic: its shapes, its errors, its prompt cache, and a bill by its price list."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import httpx
import pytest
from costward_extproc.dialects.anthropic_messages_answer import read_stream, read_whole
from genai_prices import Usage, calc_price

from tests.fakes.anthropic_fixtures import HOUR, MARK, MODEL, agent, ask, tool
from tests.fakes.running_stand_in import RunningStandIn, running_stand_in

VERSION = {"anthropic-version": "2023-06-01"}
LONG = {"type": "text", "text": "word " * 1_500}


async def _post(running: RunningStandIn, document: dict[str, Any], path: str = "", **headers: str) -> httpx.Response:
    return await running.client.post(f"/v1/messages{path}", json=document, headers={**VERSION, **headers})


async def test_a_message_and_its_stream_are_the_same_answer() -> None:
    async with running_stand_in() as running:
        whole = await _post(running, ask())
        streamed = await _post(running, ask(stream=True))
    read, again = read_whole(whole.content), read_stream(streamed.content)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert (read.complete, again.complete, read.usage) == (True, True, again.usage)
    assert read.text_seen == again.text_seen
    assert "choose Security" in read.text_seen
    assert read.storable is not None
    assert again.storable is not None
    assert whole.headers["request-id"].startswith("req_")


async def test_system_and_earlier_turns_are_told_apart_and_cache_marks_are_not() -> None:
    async with running_stand_in() as running:
        texts = [
            (await _post(running, document)).json()["content"][0]["text"]
            for document in (
                ask(system="Be kind."),
                ask(system=[{"type": "text", "text": "Be kind.", **MARK}]),
                ask(system="Be rude."),
                ask(),
            )
        ]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_is_called_where_the_question_needs_one(stream: bool) -> None:
    async with running_stand_in() as running:
        response = await _post(running, ask("Will it rain today?", tools=[tool(1)], stream=stream))
    body = response.content
    reading = read_stream(body) if stream else read_whole(body)
    assert (reading.complete, reading.storable) == (True, None)
    assert b"mcp__server__tool_1" in body
    assert b'"tool_use"' in body


async def test_thinking_is_signed_and_counted() -> None:
    async with running_stand_in() as running:
        plain = (await _post(running, ask())).json()
        thinking = (await _post(running, ask(thinking={"type": "enabled", "budget_tokens": 1_024}))).json()
    assert [block["type"] for block in thinking["content"]] == ["thinking", "text"]
    assert len(thinking["content"][0]["signature"]) > 100
    assert thinking["usage"]["output_tokens"] > plain["usage"]["output_tokens"]


async def test_a_limit_cuts_the_answer() -> None:
    async with running_stand_in() as running:
        done = (await _post(running, ask("repeat 50 words", max_tokens=5))).json()
    assert (done["stop_reason"], done["usage"]["output_tokens"]) == ("max_tokens", 5)


async def test_a_marked_prompt_is_written_once_and_read_from_then_on() -> None:
    document = ask(system=[{**LONG, **HOUR}, {"type": "text", "text": "Be kind. " * 400, **MARK}])
    async with running_stand_in() as running:
        first, second = [(await _post(running, document)).json()["usage"] for _ in range(2)]
        longer = ask("And now?", system=[*document["system"], {"type": "text", "text": "More.", **MARK}])
        third = (await _post(running, longer)).json()["usage"]
        document["system"][0] = {**LONG, "text": "other " + LONG["text"], **HOUR}
        fourth = (await _post(running, document)).json()["usage"]
        bill = await running.bill()
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 2_000
    assert first["cache_creation"]["ephemeral_1h_input_tokens"] >= 1_500
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] >= 800
    assert third["cache_read_input_tokens"] == second["cache_read_input_tokens"]
    assert 0 < third["cache_creation_input_tokens"] < 10
    assert fourth["cache_read_input_tokens"] == 0
    assert bill["microUSD"] == sum(_price(usage) for usage in (first, second, third, fourth))


async def test_a_short_prompt_is_not_cached() -> None:
    async with running_stand_in() as running:
        usage = (await _post(running, ask(system=[{"type": "text", "text": "Be kind.", **MARK}]))).json()["usage"]
    assert usage["cache_creation_input_tokens"] == 0


def _price(usage: dict[str, Any]) -> int:
    written, read = usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]
    counted = Usage(
        input_tokens=usage["input_tokens"] + written + read,
        output_tokens=usage["output_tokens"],
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=usage["cache_creation"]["ephemeral_1h_input_tokens"],
    )
    return math.ceil(calc_price(counted, model_ref=MODEL, provider_id="anthropic").total_price * 1_000_000)


async def test_tokens_are_counted_without_an_answer() -> None:
    async with running_stand_in() as running:
        document = agent(turns=2, tools=3)
        counted = (await _post(running, {**document, "max_tokens": None}, "/count_tokens")).json()["input_tokens"]
        usage = (await _post(running, {**document, "stream": False})).json()["usage"]
        bill = await running.bill()
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert counted == sum(usage[part] for part in parts)
    assert bill["requests"] == 1


async def test_a_stream_that_nobody_reads_to_its_end_is_billed_by_what_left() -> None:
    async with running_stand_in(chunk_ms=5) as running:
        async with running.client.stream(
            "POST", "/v1/messages", json=ask("repeat 300 words", stream=True), headers=VERSION
        ) as response:
            async for line in response.aiter_lines():
                if "text_delta" in line:
                    break
        for _ in range(100):
            bill = await running.bill()
            if bill["abortedStreams"]:
                break
            await asyncio.sleep(0.02)
    assert bill["abortedStreams"] == 1
    assert 1 <= bill["models"][MODEL]["outputTokens"] < 300


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        (ask(model=None), 400, "invalid_request_error"),
        (ask(max_tokens=None), 400, "invalid_request_error"),
        (ask(messages=[]), 400, "invalid_request_error"),
        (ask(messages=[{"role": "user"}]), 400, "invalid_request_error"),
        (ask(messages=[{"role": "tool", "content": "x"}]), 400, "invalid_request_error"),
        (ask(model="claude-nobody-knows"), 404, "not_found_error"),
        (ask(model="gpt-5"), 404, "not_found_error"),
    ],
)
async def test_what_is_wrong_is_told_in_the_provider_s_shape(document: dict[str, Any], status: int, kind: str) -> None:
    async with running_stand_in() as running:
        response = await _post(running, document)
    told = response.json()
    assert (response.status_code, told["type"], told["error"]["type"]) == (status, "error", kind)
    assert told["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error"), (413, "request_too_large")],
)
async def test_a_fault_has_the_provider_s_words(status: int, kind: str) -> None:
    async with running_stand_in() as running:
        await running.fail(status=status, retryAfter=3)
        response = await _post(running, ask())
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)
    assert response.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"x-api-key": "sk-invalid"}, 401), ({"x-api-key": "sk"}, 200), ({"authorization": "Bearer sk"}, 200)],
)
async def test_a_key_is_asked_for(headers: dict[str, str], status: int) -> None:
    async with running_stand_in(require_key=True) as running:
        assert (await _post(running, ask(), **headers)).status_code == status
        assert (await running.client.get("/v1/models", headers={**VERSION, **headers})).status_code == status


async def test_without_a_version_nothing_is_answered() -> None:
    async with running_stand_in() as running:
        response = await running.client.post("/v1/messages", json=ask())
    assert (response.status_code, response.json()["type"]) == (400, "error")


async def test_each_client_sees_its_own_provider_s_models() -> None:
    async with running_stand_in() as running:
        theirs = (await running.client.get("/v1/models", headers=VERSION)).json()
        others = (await running.client.get("/v1/models")).json()
    assert [row["type"] for row in theirs["data"]] == ["model"] * len(theirs["data"])
    assert theirs["first_id"] == theirs["data"][0]["id"] == "claude-haiku-4-5"
    assert others["object"] == "list"


async def test_forgetting_empties_the_prompt_cache() -> None:
    document = ask(system=[{**LONG, **MARK}])
    async with running_stand_in() as running:
        await _post(running, document)
        await running.client.post("/_stand_in/reset")
        usage = json.loads((await _post(running, document)).content)["usage"]
    assert usage["cache_read_input_tokens"] == 0
