"""The official Python SDK through `costward up`: it needs the two printed variables, and sees an OpenAI."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

USAGE: Any = {"include_usage": True}
WEATHER: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


def question(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def sent() -> list[object]:
    """Every request that the SDK made of one test, its own retries included."""
    return []


@pytest.fixture
def sdk(up: RunningUp, sent: list[object], request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    """As a user has it, from the printed lines alone; each test is a user of its own."""
    exports = up.exports
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    headers = {"x-user-id": request.node.nodeid}
    key = exports["OPENAI_API_KEY"]
    with openai.OpenAI(
        base_url=exports["OPENAI_BASE_URL"], api_key=key, http_client=http, default_headers=headers
    ) as client:
        yield client


def streamed(sdk: openai.OpenAI, text: str, **more: Any) -> tuple[list[ChatCompletionChunk], Mapping[str, str]]:
    raw = sdk.chat.completions.with_raw_response.create(
        model="gpt-5-mini", messages=question(text), stream=True, **more
    )
    return list(raw.parse()), raw.headers


def said(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_a_whole_answer_and_what_was_decided(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="gpt-5-mini", messages=question("When are you open?"))
    done = raw.parse()
    assert "9 to 18" in (done.choices[0].message.content or "")
    assert done.usage is not None
    assert done.usage.completion_tokens > 0
    assert (raw.headers["x-costward-decision"], raw.headers["x-costward-model"]) == ("pass", "gpt-5-mini")


def test_a_stream_shows_usage_only_to_who_asked(sdk: openai.OpenAI) -> None:
    plain, _ = streamed(sdk, "repeat 5 words")
    counted, _ = streamed(sdk, "repeat 6 words", stream_options=USAGE)
    assert said(plain) == "word word word word word"
    assert all(chunk.choices and chunk.usage is None for chunk in plain)
    assert plain[-1].choices[0].finish_reason == "stop"
    assert [chunk.choices for chunk in counted if chunk.usage] == [[]]
    assert counted[-1].usage is not None
    assert counted[-1].usage.completion_tokens == 6


def test_an_alias_is_answered_by_a_model_that_is_named(sdk: openai.OpenAI) -> None:
    done = sdk.chat.completions.create(model="auto", messages=question("repeat 2 words"))
    assert done.model == "gpt-5"


def test_a_tool_call_arrives_whole_and_in_pieces(sdk: openai.OpenAI) -> None:
    asked = question("Will it rain today?")
    done = sdk.chat.completions.create(model="gpt-5-mini", messages=asked, tools=WEATHER)
    with sdk.chat.completions.stream(model="gpt-5-mini", messages=asked, tools=WEATHER) as stream:
        pieces = stream.get_final_completion()
    calls = [call.model_dump()["function"] for call in done.choices[0].message.tool_calls or []]
    again = [call.model_dump()["function"] for call in pieces.choices[0].message.tool_calls or []]
    assert [call["name"] for call in calls] == ["get_weather"]
    assert [call["arguments"] for call in calls] == [call["arguments"] for call in again]
    assert (done.choices[0].finish_reason, pieces.choices[0].finish_reason) == ("tool_calls", "tool_calls")


def test_json_mode_gives_json(sdk: openai.OpenAI) -> None:
    done = sdk.chat.completions.create(
        model="gpt-5-mini", messages=question("When are you open?"), response_format={"type": "json_object"}
    )
    assert "9 to 18" in json.loads(done.choices[0].message.content or "")["answer"]


@pytest.mark.parametrize("first_as_stream", [True, False])
def test_a_hit_is_the_same_answer_in_the_form_that_was_asked_for(
    sdk: openai.OpenAI, up: RunningUp, first_as_stream: bool
) -> None:
    asked = f"repeat {7 + first_as_stream} words"
    if first_as_stream:
        chunks, first = streamed(sdk, asked)
        text = said(chunks)
    else:
        raw = sdk.chat.completions.with_raw_response.create(model="gpt-5-mini", messages=question(asked))
        text, first = raw.parse().choices[0].message.content or "", raw.headers
    up.until_recorded(first)
    whole = sdk.chat.completions.with_raw_response.create(model="gpt-5-mini", messages=question(asked))
    plain, headers = streamed(sdk, asked)
    counted, _ = streamed(sdk, asked, stream_options=USAGE)
    assert whole.headers["x-costward-decision"] == headers["x-costward-decision"] == "hit-exact"
    assert whole.parse().choices[0].message.content == said(plain) == said(counted) == text
    assert headers["content-type"].startswith("text/event-stream")
    assert all(chunk.choices for chunk in plain)
    assert counted[-1].choices == []
    assert counted[-1].usage is not None


def test_the_providers_errors_keep_their_shape(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.chat.completions.create(model="gpt-nope", messages=question("Hi"))
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.chat.completions.create(model="gpt-5-mini", messages=question("Hi"), n=1_000)
    assert missing.value.code == "model_not_found"
    assert wrong.value.param == "n"


def test_a_capped_caller_gets_a_rate_limit_error_and_does_not_try_again(
    sdk: openai.OpenAI, sent: list[object], up: RunningUp
) -> None:
    free = {"x-user-tier": "free"}
    create = sdk.chat.completions.with_raw_response.create
    spent = create(model="gpt-5-mini", messages=question("repeat 60 words"), extra_headers=free)
    up.until_recorded(spent.headers)
    before = up.bill()["requests"]
    sent.clear()
    with pytest.raises(openai.RateLimitError) as capped:
        sdk.chat.completions.create(model="gpt-5-mini", messages=question("repeat 61 words"), extra_headers=free)
    assert "Your free plan is used up until" in capped.value.message
    assert (capped.value.type, capped.value.code) == ("insufficient_quota", "budget_exceeded")
    assert int(capped.value.response.headers["retry-after"]) > 0
    assert capped.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1
    assert up.bill()["requests"] == before


def test_a_providers_own_rate_limit_is_still_tried_again(sdk: openai.OpenAI, sent: list[object], up: RunningUp) -> None:
    httpx.post(f"{up.stand_in_url}/_stand_in/faults", json={"status": 429, "rate": 0.5}).raise_for_status()
    try:
        sdk.chat.completions.create(model="gpt-5-mini", messages=question("repeat 9 words"))
        sdk.chat.completions.create(model="gpt-5-mini", messages=question("repeat 10 words"))
    finally:
        httpx.post(f"{up.stand_in_url}/_stand_in/faults", json={}).raise_for_status()
    assert len(sent) == 3
