"""The official Python SDK's responses through `costward up`: whole, streamed, with tools, structured, and capped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

WEATHER: Any = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}]


class Hours(pydantic.BaseModel):
    answer: str


@pytest.fixture
def sent() -> list[object]:
    """Every request that the SDK made of one test, its own retries included."""
    return []


@pytest.fixture
def sdk(up: RunningUp, sent: list[object], request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    headers = {"x-user-id": request.node.nodeid}
    with openai.OpenAI(base_url=up.base_url, api_key="sk-test", http_client=http, default_headers=headers) as client:
        yield client


def test_a_whole_answer_and_what_was_decided(sdk: openai.OpenAI) -> None:
    raw = sdk.responses.with_raw_response.create(model="gpt-5-mini", input="When are you open?")
    done = raw.parse()
    assert "9 to 18" in done.output_text
    assert done.usage is not None
    assert (raw.headers["x-costward-decision"], raw.headers["x-costward-model"]) == ("pass", "gpt-5-mini")


def test_an_alias_is_answered_by_a_model_that_is_named(sdk: openai.OpenAI) -> None:
    assert sdk.responses.create(model="auto", input="repeat 2 words").model == "gpt-5"


def test_a_stream_arrives_event_by_event(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="gpt-5-mini", input="repeat 5 words", reasoning={"effort": "low"}) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "word word word word word"
    assert (kinds[0], kinds[-1], kinds.count("response.output_text.delta")) == (
        "response.created",
        "response.completed",
        5,
    )
    assert final.usage is not None
    assert final.usage.output_tokens == 5 + 12


@pytest.mark.parametrize("first_as_stream", [True, False])
def test_a_hit_is_the_same_answer_in_the_form_that_was_asked_for(sdk: openai.OpenAI, first_as_stream: bool) -> None:
    asked: Any = {"model": "gpt-5-mini", "input": f"repeat {7 + first_as_stream} words", "store": False}
    if first_as_stream:
        with sdk.responses.stream(**asked) as first:
            text = first.get_final_response().output_text
    else:
        text = sdk.responses.create(**asked).output_text
    whole = sdk.responses.with_raw_response.create(**asked)
    assert whole.headers["x-costward-decision"] == "hit-exact"
    assert whole.parse().output_text == text
    assert whole.parse().id == f"resp_{whole.headers['x-costward-request-id']}"
    with sdk.responses.stream(**asked) as again:
        assert [event.sequence_number for event in again] == list(range(8 + len(text.split())))
        assert again.get_final_response().output_text == text


def test_a_conversation_can_be_gone_on_from_a_hit(sdk: openai.OpenAI) -> None:
    sdk.responses.create(model="gpt-5-mini", input="When are you open?")
    hit = sdk.responses.with_raw_response.create(model="gpt-5-mini", input="when are you open")
    assert hit.headers["x-costward-decision"] == "hit-exact"
    next_turn = sdk.responses.with_raw_response.create(
        model="gpt-5-mini", input="And on Sunday?", previous_response_id=hit.parse().id
    )
    assert next_turn.headers["x-costward-reason"] == "cache-bypass-stored-conversation"
    assert "context" in next_turn.parse().output_text
    assert sdk.responses.retrieve(hit.parse().id).output_text == hit.parse().output_text


def test_a_tool_call_arrives_whole_and_in_pieces_and_its_result_goes_back(sdk: openai.OpenAI) -> None:
    done = sdk.responses.create(model="gpt-5-mini", input="Will it rain today?", tools=WEATHER)
    with sdk.responses.stream(model="gpt-5-mini", input="Will it rain today?", tools=WEATHER) as stream:
        pieces = stream.get_final_response()
    (call,), (again,) = done.output, pieces.output
    assert call.type == again.type == "function_call"
    assert (call.name, call.arguments) == (again.name, again.arguments) == ("get_weather", again.arguments)
    turn: Any = [
        {"role": "user", "content": "Will it rain today?"},
        call.model_dump(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "31C sunny"},
        {"role": "user", "content": "repeat 3 words"},
    ]
    assert sdk.responses.create(model="gpt-5-mini", input=turn, tools=WEATHER).output_text == "word word word"


def test_structured_output_is_parsed(sdk: openai.OpenAI) -> None:
    done = sdk.responses.parse(model="gpt-5-mini", input="When are you open?", text_format=Hours)
    assert done.output_parsed is not None
    assert "9 to 18" in done.output_parsed.answer


def test_the_providers_errors_keep_their_shape(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.responses.create(model="gpt-nope", input="Hi")
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.responses.create(model="gpt-5-mini", input="Hi", max_output_tokens=1)
    assert (missing.value.code, wrong.value.param) == ("model_not_found", "max_output_tokens")


@pytest.mark.parametrize("stream", [True, False])
def test_a_capped_caller_gets_a_rate_limit_error_and_does_not_try_again(
    sdk: openai.OpenAI, sent: list[object], up: RunningUp, stream: bool
) -> None:
    free = {"x-user-tier": "free"}
    spent = sdk.responses.with_raw_response.create(model="gpt-5-mini", input="repeat 60 words", extra_headers=free)
    up.until_recorded(spent.headers)
    sent.clear()
    with pytest.raises(openai.RateLimitError) as capped:
        sdk.responses.create(model="gpt-5-mini", input="repeat 61 words", extra_headers=free, stream=stream)
    assert "Your free plan is used up until" in capped.value.message
    assert len(sent) == 1


def test_embeddings_are_priced_by_their_input(sdk: openai.OpenAI, up: RunningUp) -> None:
    raw = sdk.embeddings.with_raw_response.create(model="text-embedding-3-small", input=["one two", "three"])
    done = raw.parse()
    assert [len(row.embedding) for row in done.data] == [1_536, 1_536]
    assert raw.headers["x-costward-reason"] == "cache-bypass-embeddings"
    tokens = sdk.embeddings.create(model="text-embedding-3-small", input=[[1, 2], [3]], encoding_format="float")
    assert tokens.usage.prompt_tokens == 3
    up.until_recorded(raw.headers)


def test_aliases_are_listed_and_found(sdk: openai.OpenAI) -> None:
    models = {model.id: model.owned_by for model in sdk.models.list()}
    assert models["auto"] == "costward:support-platform"
    assert models["gpt-5-mini"] == "stand-in"
    assert sdk.models.retrieve("auto").owned_by == "costward:support-platform"


def test_counting_tokens_is_free(sdk: openai.OpenAI) -> None:
    counted = sdk.post(
        "/responses/input_tokens", cast_to=object, body={"model": "gpt-5", "input": "When are you open?"}
    )
    assert json.loads(json.dumps(counted))["input_tokens"] > 3
