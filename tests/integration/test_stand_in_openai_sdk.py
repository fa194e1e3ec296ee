"""The official SDK reads the stand-in as it reads OpenAI."""

from __future__ import annotations

import json
import time
from typing import Any

import openai
import pytest
import splintr
from openai.types.chat import ChatCompletionChunk

from tests.fakes.running_stand_in import running_stand_in

TOKENIZER = splintr.Tokenizer.from_pretrained("o200k_base")
WEATHER: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
QUESTION: Any = [{"role": "user", "content": "How do I reset my password?"}]


def sdk(url: str, key: str = "sk-test") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


async def stream_of(client: openai.AsyncOpenAI, **more: Any) -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True, **more)
    return [chunk async for chunk in stream]


async def test_an_answer_and_its_true_usage() -> None:
    async with running_stand_in() as running, sdk(running.url) as client:
        done = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
    text = done.choices[0].message.content or ""
    assert "choose Security" in text
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.completion_tokens == len(TOKENIZER.encode_ordinary(text))
    assert done.usage.prompt_tokens == 3 + 3 + 1 + len(TOKENIZER.encode_ordinary("How do I reset my password?"))


async def test_a_stream_says_the_same_and_usage_only_when_asked() -> None:
    async with running_stand_in() as running, sdk(running.url) as client:
        done = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
        plain = await stream_of(client)
        counted = await stream_of(client, stream_options={"include_usage": True})
    assert "".join(c.choices[0].delta.content or "" for c in plain) == done.choices[0].message.content
    assert plain[0].choices[0].delta.role == "assistant"
    assert plain[-1].choices[0].finish_reason == "stop"
    assert not any("usage" in chunk.model_fields_set for chunk in plain)
    assert all("usage" in chunk.model_fields_set for chunk in counted)
    assert [chunk.usage for chunk in counted[:-1]] == [None] * (len(counted) - 1)
    assert counted[-1].choices == []
    assert counted[-1].usage == done.usage


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_a_length_limit_is_kept_and_told(field: str) -> None:
    async with running_stand_in() as running:
        body = (await running.ask("repeat 50 words", **{field: 7})).json()
        whole = (await running.ask("repeat 50 words", **{field: 50})).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 7
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == 50


async def test_several_choices_are_counted_each() -> None:
    async with running_stand_in() as running, sdk(running.url) as client:
        one = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
        three = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, n=3)
        chunks = await stream_of(client, n=2)
    assert one.usage is not None
    assert three.usage is not None
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert three.usage.completion_tokens == 3 * one.usage.completion_tokens
    assert {chunk.choices[0].index for chunk in chunks} == {0, 1}


async def test_the_weather_is_a_tool_call_where_tools_are_offered() -> None:
    messages: Any = [{"role": "user", "content": "Will it rain today?"}]
    async with running_stand_in() as running, sdk(running.url) as client:
        done = await client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=WEATHER)
        none = await client.chat.completions.create(
            model="gpt-5-mini", messages=messages, tools=WEATHER, tool_choice="none"
        )
        async with client.chat.completions.stream(model="gpt-5-mini", messages=messages, tools=WEATHER) as stream:
            streamed = await stream.get_final_completion()
    calls = done.choices[0].message.tool_calls or []
    again = streamed.choices[0].message.tool_calls or []
    assert [call.model_dump()["function"]["name"] for call in calls] == ["get_weather"]
    assert done.choices[0].finish_reason == streamed.choices[0].finish_reason == "tool_calls"
    assert [c.model_dump()["function"]["arguments"] for c in calls] == [c.function.arguments for c in again]
    assert none.choices[0].finish_reason == "stop"


async def test_json_is_answered_in_the_shape_that_was_asked_for() -> None:
    schema = {"type": "object", "properties": {"reply": {"type": "string"}, "score": {"type": "integer"}}}
    response_format = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
    async with running_stand_in() as running:
        plain = await running.ask("When are you open?", response_format={"type": "json_object"})
        shaped = await running.ask("When are you open?", response_format=response_format)
        assert "9 to 18" in json.loads(plain.json()["choices"][0]["message"]["content"])["answer"]
        reply = json.loads(shaped.json()["choices"][0]["message"]["content"])
    assert set(reply) == {"reply", "score"}
    assert reply["score"] == 0


async def test_errors_are_what_the_sdk_expects() -> None:
    async with running_stand_in(require_key=True) as running:
        async with sdk(running.url, "sk-invalid") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
        async with sdk(running.url) as client:
            with pytest.raises(openai.NotFoundError) as missing:
                await client.chat.completions.create(model="gpt-nope", messages=QUESTION)
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(model="gpt-5-mini", messages=[])
            assert "gpt-5-mini" in [model.id async for model in client.models.list()]
        unauthorised = await running.ask("Hi")
        key = {"authorization": "Bearer sk-test"}
        broken = await running.client.post("/v1/chat/completions", content=b"{", headers=key)
    assert missing.value.code == "model_not_found"
    assert (unauthorised.status_code, broken.status_code) == (401, 400)
    assert set(broken.json()["error"]) == {"message", "type", "param", "code"}


async def test_events_are_paced() -> None:
    async with running_stand_in(chunk_ms=20) as running:
        started = time.monotonic()
        await running.ask("repeat 10 words", stream=True)
    assert time.monotonic() - started > 10 * 0.02
