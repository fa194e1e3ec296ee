"""The stand-in's bill is what the provider would charge, also for streams that nobody read to the end."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal

from genai_prices import Usage, calc_price

from tests.fakes.running_stand_in import running_stand_in


def micro_usd(model: str, prompt: int, completion: int) -> int:
    usage = Usage(input_tokens=prompt, output_tokens=completion)
    total = calc_price(usage, model_ref=model, provider_id="openai").total_price
    return math.ceil(Decimal(total) * 1_000_000)


async def test_the_bill_is_the_sum_of_its_answers() -> None:
    expected = 0
    async with running_stand_in() as running:
        for model, text in (("gpt-5", "repeat 100 words"), ("gpt-5-mini", "Hi"), ("gpt-5", "repeat 100 words")):
            usage = (await running.ask(text, model=model)).json()["usage"]
            expected += micro_usd(model, usage["prompt_tokens"], usage["completion_tokens"])
        bill = await running.bill()
    assert bill["microUSD"] == expected > 0
    assert bill["models"]["gpt-5"]["requests"] == 2
    assert bill["models"]["gpt-5"]["outputTokens"] == 200


async def test_a_stream_costs_the_same_as_an_answer() -> None:
    async with running_stand_in() as running:
        await running.ask("repeat 30 words")
        once = await running.bill()
        await running.ask("repeat 30 words", stream=True)
        twice = await running.bill()
    assert twice["microUSD"] == 2 * once["microUSD"]
    assert twice["abortedStreams"] == 0


async def test_an_abandoned_stream_is_charged_for_what_left() -> None:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "repeat 1000 words"}], "stream": True}
    async with running_stand_in(chunk_ms=5) as running:
        async with running.client.stream("POST", "/v1/chat/completions", json=body) as response:
            chunks = response.aiter_lines()
            for _ in range(20):
                await anext(chunks)
        for _ in range(200):
            bill = await running.bill()
            if bill["abortedStreams"]:
                break
            await asyncio.sleep(0.01)
    assert bill["abortedStreams"] == 1
    assert 5 <= bill["models"]["gpt-5"]["outputTokens"] < 200


async def test_errors_cost_nothing() -> None:
    async with running_stand_in() as running:
        await running.fail(status=500)
        await running.ask("Hi")
        await running.ask("Hi", model="gpt-nope")
        bill = await running.bill()
    assert (bill["requests"], bill["microUSD"], bill["errors"]) == (0, 0, 2)
