"""Every fault that the stand-in can be told to have, as a client sees it."""

from __future__ import annotations

import gzip
import json
import time

import httpx
import pytest

from tests.fakes.running_stand_in import running_stand_in

QUESTION = "When are you open?"


async def test_a_status_hits_exactly_its_share() -> None:
    async with running_stand_in() as running:
        await running.fail(status=503, rate=0.25, retryAfter=7)
        answers = [await running.ask(QUESTION) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 503] * 2
    assert answers[3].headers["retry-after"] == "7"
    assert answers[3].json()["error"]["type"] == "server_error"


async def test_faults_can_be_meant_for_one_model() -> None:
    async with running_stand_in() as running:
        await running.fail(status=400, models=["gpt-5-nano"])
        assert (await running.ask(QUESTION)).status_code == 200
        assert (await running.ask(QUESTION, model="gpt-5-nano")).status_code == 400


async def test_a_delay_holds_the_first_byte() -> None:
    async with running_stand_in() as running:
        await running.fail(delayMs=200)
        started = time.monotonic()
        await running.ask(QUESTION)
    assert time.monotonic() - started > 0.19


async def test_a_cut_stream_ends_without_its_end() -> None:
    async with running_stand_in() as running:
        await running.fail(cutAfterChunks=3)
        with pytest.raises(httpx.RemoteProtocolError):
            await running.ask(QUESTION, stream=True)
        assert (await running.bill())["abortedStreams"] == 1


async def test_a_reset_connection_gives_no_answer_at_all() -> None:
    async with running_stand_in() as running:
        await running.fail(resetRate=1)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await running.ask(QUESTION)
        await running.fail()
        assert (await running.ask(QUESTION)).status_code == 200


async def test_answers_can_come_compressed_unasked() -> None:
    async with running_stand_in() as running:
        plain = await running.ask(QUESTION, stream=True)
        await running.fail(gzip=True)
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": QUESTION}]}
        async with running.client.stream("POST", "/v1/chat/completions", json=body) as response:
            raw = b"".join([chunk async for chunk in response.aiter_raw()])
        streamed = await running.ask(QUESTION, stream=True)
    assert json.loads(gzip.decompress(raw))["object"] == "chat.completion"
    assert streamed.headers["content-encoding"] == "gzip"
    assert streamed.text.count("data: ") == plain.text.count("data: ")
    assert streamed.text.endswith("data: [DONE]\n\n")


async def test_garbage_is_no_json() -> None:
    async with running_stand_in() as running:
        await running.fail(garbage=True)
        with pytest.raises(ValueError, match="Unterminated"):
            (await running.ask(QUESTION)).json()


@pytest.mark.parametrize("faults", [{"no_such": 1}, {"status": 200}, {"rate": 2}, {"delayMs": -1}, {"gzip": 1}])
async def test_a_fault_that_cannot_be_is_refused(faults: dict[str, object]) -> None:
    async with running_stand_in() as running:
        assert (await running.client.post("/_stand_in/faults", json=faults)).status_code == 400
        assert (await running.ask(QUESTION)).status_code == 200


async def test_reset_ends_all_faults_and_clears_the_bill() -> None:
    async with running_stand_in() as running:
        await running.ask(QUESTION)
        await running.fail(status=500)
        await running.client.post("/_stand_in/reset")
        assert (await running.bill())["requests"] == 0
        assert (await running.ask(QUESTION)).status_code == 200
