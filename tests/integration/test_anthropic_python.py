"""The official Anthropic SDK through `costward up`: it needs the two printed variables, and sees an Anthropic."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, RawMessageStreamEvent

from tests.fakes.anthropic_fixtures import MODEL, agent, body_of, thought, tool
from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

PICTURE: Any = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"\x89PNG").decode()},
}


def question(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def sent() -> list[object]:
    """Every request that the SDK made of one test, its own retries included."""
    return []


@pytest.fixture
def sdk(up: RunningUp, sent: list[object], request: pytest.FixtureRequest) -> Iterator[anthropic.Anthropic]:
    """As a user has it, from the printed lines alone; each test is a user of its own."""
    http = anthropic.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    url, key = up.exports["ANTHROPIC_BASE_URL"], up.exports["ANTHROPIC_API_KEY"]
    headers = {"x-user-id": request.node.nodeid}
    with anthropic.Anthropic(base_url=url, api_key=key, http_client=http, default_headers=headers) as client:
        yield client


def asked(sdk: anthropic.Anthropic, text: str, **more: Any) -> tuple[Message, Mapping[str, str]]:
    raw = sdk.messages.with_raw_response.create(model=MODEL, max_tokens=1_000, messages=question(text), **more)
    return raw.parse(), raw.headers


def streamed(sdk: anthropic.Anthropic, text: str, **more: Any) -> tuple[list[RawMessageStreamEvent], Mapping[str, str]]:
    raw = sdk.messages.with_raw_response.create(
        model=MODEL, max_tokens=1_000, messages=question(text), stream=True, **more
    )
    return list(raw.parse()), raw.headers


def said(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_whole_answer_and_what_was_decided(sdk: anthropic.Anthropic) -> None:
    done, headers = asked(sdk, "When are you open?", system="Be kind.")
    assert "9 to 18" in said(done)
    assert (done.stop_reason, done.role, done.model) == ("end_turn", "assistant", MODEL)
    assert done.usage.output_tokens > 0
    assert (headers["x-costward-decision"], headers["x-costward-model"]) == ("pass", MODEL)


def test_a_stream_adds_up_to_its_message(sdk: anthropic.Anthropic) -> None:
    with sdk.messages.stream(model=MODEL, max_tokens=1_000, messages=question("repeat 40 words")) as stream:
        pieces = list(stream.text_stream)
        done = stream.get_final_message()
    assert len(pieces) > 30
    assert "".join(pieces) == said(done) == "word" + " word" * 39
    assert done.usage.output_tokens == 40


def test_a_tool_call_arrives_whole_and_in_pieces(sdk: anthropic.Anthropic) -> None:
    tools: Any = [tool(1)]
    done, _ = asked(sdk, "Will it rain today?", tools=tools)
    with sdk.messages.stream(
        model=MODEL, max_tokens=1_000, messages=question("Will it rain today?"), tools=tools
    ) as stream:
        again = stream.get_final_message()
    calls = [
        [b.model_dump(include={"name", "input"}) for b in m.content if b.type == "tool_use"] for m in (done, again)
    ]
    assert calls[0] == calls[1]
    assert (len(calls[0]), done.stop_reason, again.stop_reason) == (1, "tool_use", "tool_use")


def test_the_turn_after_a_tool(sdk: anthropic.Anthropic) -> None:
    tools: Any = [tool(1)]
    done, _ = asked(sdk, "Will it rain today?", tools=tools)
    call = next(block for block in done.content if block.type == "tool_use")
    history: Any = [
        *question("Will it rain today?"),
        {"role": "assistant", "content": done.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Yes."}]},
    ]
    raw = sdk.messages.with_raw_response.create(model=MODEL, max_tokens=1_000, messages=history, tools=tools)
    assert raw.parse().stop_reason == "end_turn"
    assert raw.headers["x-costward-reason"] == "cache-bypass-no-user-text"


def test_thinking_keeps_its_signature(sdk: anthropic.Anthropic) -> None:
    with sdk.messages.stream(
        model=MODEL,
        max_tokens=5_000,
        thinking={"type": "enabled", "budget_tokens": 2_000},
        messages=question("When are you open?"),
    ) as stream:
        done = stream.get_final_message()
    block = done.content[0]
    assert block.type == "thinking"
    assert len(block.signature) > 100


def test_another_picture_is_another_question(sdk: anthropic.Anthropic, up: RunningUp) -> None:
    def look(picture: Any) -> Mapping[str, str]:
        content = [{"type": "text", "text": "What is this?"}, picture]
        raw = sdk.messages.with_raw_response.create(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": content}]
        )
        up.until_recorded(raw.headers)
        return raw.headers

    other = {**PICTURE, "source": {**PICTURE["source"], "data": base64.b64encode(b"other").decode()}}
    decisions = [look(picture)["x-costward-decision"] for picture in (PICTURE, PICTURE, other)]
    assert decisions == ["pass", "hit-exact", "pass"]


@pytest.mark.parametrize("first_as_stream", [True, False])
def test_a_hit_is_the_same_answer_in_the_form_that_was_asked_for(
    sdk: anthropic.Anthropic, up: RunningUp, first_as_stream: bool
) -> None:
    text = f"repeat {7 + first_as_stream} words"
    first: Message
    if first_as_stream:
        with sdk.messages.stream(model=MODEL, max_tokens=1_000, messages=question(text)) as stream:
            first = stream.get_final_message()
            up.until_recorded(stream.response.headers)
    else:
        first, headers = asked(sdk, text)
        up.until_recorded(headers)
    whole, headers = asked(sdk, text)
    with sdk.messages.stream(model=MODEL, max_tokens=1_000, messages=question(text)) as stream:
        again = stream.get_final_message()
        assert stream.response.headers["x-costward-decision"] == headers["x-costward-decision"] == "hit-exact"
    assert said(first) == said(whole) == said(again)
    assert (whole.usage.output_tokens, again.usage.output_tokens) == (first.usage.output_tokens,) * 2
    assert len({first.id, whole.id, again.id}) == 3
    assert [m.stop_reason for m in (first, whole, again)] == ["end_turn"] * 3


def test_the_events_of_a_hit_are_the_provider_s(sdk: anthropic.Anthropic, up: RunningUp) -> None:
    missed, headers = streamed(sdk, "repeat 9 words")
    up.until_recorded(headers)
    hit, headers = streamed(sdk, "repeat 9 words")
    assert headers["x-costward-decision"] == "hit-exact"
    assert [event.type for event in hit] == [event.type for event in missed]
    assert [set(event.model_dump()) for event in hit] == [set(event.model_dump()) for event in missed]


def test_another_beta_is_another_question(sdk: anthropic.Anthropic, up: RunningUp) -> None:
    beta = {"anthropic-beta": "context-1m-2025-08-07"}
    _, headers = asked(sdk, "repeat 3 words")
    up.until_recorded(headers)
    _, headers = asked(sdk, "repeat 3 words", extra_headers=beta)
    assert headers["x-costward-decision"] == "pass"


def test_a_capped_plan_is_told_once_and_asked_once(sdk: anthropic.Anthropic, up: RunningUp, sent: list[object]) -> None:
    """`x-should-retry: false` spares the caller two more refusals, which the SDK would ask for by itself."""
    free = sdk.with_options(default_headers={"x-user-id": "spent", "x-user-tier": "free"})
    _, headers = asked(free, "When are you open?")
    up.until_recorded(headers)
    sent.clear()
    for stream in (False, True):
        with pytest.raises(anthropic.RateLimitError) as refused:
            free.messages.create(model=MODEL, max_tokens=100, messages=question("repeat 2 words"), stream=stream)
        error: Any = refused.value.body
        assert (error["type"], error["error"]["type"]) == ("error", "rate_limit_error")
        assert error["error"]["details"]["code"] == "budget_exceeded"
        assert error["error"]["message"].startswith("Your free plan is used up until ")
        assert refused.value.response.headers["x-costward-request-id"] == error["request_id"]
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("model", "more", "raised"),
    [
        ("claude-nobody-knows", {}, anthropic.NotFoundError),
        (MODEL, {"extra_body": {"max_tokens": None}}, anthropic.BadRequestError),
        (MODEL, {"extra_body": {"messages": []}}, anthropic.BadRequestError),
    ],
)
def test_the_provider_s_errors_are_its_own(
    sdk: anthropic.Anthropic, model: str, more: dict[str, Any], raised: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(raised) as told:
        sdk.messages.create(model=model, max_tokens=100, messages=question("Hi"), **more)
    assert told.value.request_id


def test_tokens_are_counted(sdk: anthropic.Anthropic) -> None:
    counted = sdk.messages.count_tokens(model=MODEL, messages=question("When are you open?"), system="Be kind.")
    done, _ = asked(sdk, "When are you open?", system="Be kind.")
    assert counted.input_tokens == done.usage.input_tokens


def test_models_are_listed(sdk: anthropic.Anthropic) -> None:
    assert MODEL in [model.id for model in sdk.models.list()]


def test_an_agent_s_large_request_is_priced_with_its_prompt_cache(sdk: anthropic.Anthropic, up: RunningUp) -> None:
    document: Any = agent(question="Begin now.")
    assert len(body_of(document)) > 200_000
    usages = []
    for _ in range(2):
        with sdk.messages.stream(**{k: v for k, v in document.items() if k != "stream"}) as stream:
            usages.append(stream.get_final_message().usage)
            up.until_recorded(stream.response.headers)
    assert usages[0].cache_creation_input_tokens == usages[1].cache_read_input_tokens
    assert (usages[1].cache_read_input_tokens or 0) > 20_000


def test_thinking_in_the_history_goes_through(sdk: anthropic.Anthropic) -> None:
    history: Any = [
        *question("When are you open?"),
        {"role": "assistant", "content": [thought("Hm."), {"type": "text", "text": "Daily."}]},
        *question("Where do I switch on the dark theme?"),
    ]
    done = sdk.messages.create(model=MODEL, max_tokens=100, messages=history)
    assert "Appearance" in said(done)
