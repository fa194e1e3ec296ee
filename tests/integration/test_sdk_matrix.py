"""What the SDKs' own files leave out: pictures, JSON, streamed tool calls, errors, and how often each asks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.fakes import clients_page
from tests.fakes.node_sdk import NodeSdk, node_sdk
from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

PNG = base64.b64encode(b"\x89PNG").decode()
URL = f"data:image/png;base64,{PNG}"
SHAPE: Any = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
ASKED = "When are you open?"
PICTURES: Mapping[str, Any] = {
    "chat": [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": URL}}],
    "responses": [{"type": "input_text", "text": ASKED}, {"type": "input_image", "image_url": URL, "detail": "low"}],
    "messages": [
        {"type": "text", "text": ASKED},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ],
}
BUSY = {"chat": "gpt-5-nano", "responses": "gpt-5-nano", "messages": "claude-opus-4-8"}
"""Models that the provider is told to answer with 429."""

CLIENTS = {
    "openai-python chat": "chat",
    "openai-python responses": "responses",
    "openai-node chat": "chat",
    "openai-node responses": "responses",
    "anthropic-python": "messages",
    "anthropic-node": "messages",
}
SHAPED: Mapping[str, Any] = {
    "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "told", "schema": SHAPE}}},
    "responses": {"text": {"format": {"type": "json_schema", "name": "told", "schema": SHAPE}}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SHAPE}}},
}


@dataclass(frozen=True)
class Told:
    text: str | None
    status: int | None
    error: str | None
    """Of the provider or of Costward; None for an answer."""
    calls: int


@dataclass(frozen=True)
class Sdk:
    """One SDK's way to one endpoint: ask(content, stream, model, headers, members of the body)."""

    name: str
    kind: str
    ask: Callable[..., Told]


@pytest.fixture(params=CLIENTS)
def sdk(request: pytest.FixtureRequest, up: RunningUp) -> Sdk:
    name: str = request.param
    user = {"x-user-id": request.node.nodeid}
    if "python" in name:
        ask = _python(up, CLIENTS[name], user)
    else:
        ask = _node(node_sdk(up.exports["OPENAI_BASE_URL"], up.exports["ANTHROPIC_BASE_URL"]), CLIENTS[name], user)
    return Sdk(name, CLIENTS[name], ask)


def _body(kind: str, content: Any, model: str | None) -> dict[str, Any]:
    if kind == "responses":
        return {"model": model or "gpt-5-mini", "input": [{"role": "user", "content": content}]}
    messages = [{"role": "user", "content": content}]
    if kind == "chat":
        return {"model": model or "gpt-5-mini", "messages": messages}
    return {"model": model or "claude-haiku-4-5", "max_tokens": 1_000, "messages": messages}


def _python(up: RunningUp, kind: str, user: Mapping[str, str]) -> Callable[..., Told]:
    def ask(content: Any, *, stream: bool = False, model: str | None = None, tier: str = "pro", **more: Any) -> Told:
        sent: list[object] = []
        hooks: Any = {"request": [sent.append]}
        headers = {**user, "x-user-tier": tier}
        given: Any = {**_body(kind, content, model), "extra_body": more, "stream": stream}
        client: Any
        if kind == "messages":
            url, key = up.exports["ANTHROPIC_BASE_URL"], up.exports["ANTHROPIC_API_KEY"]
            http: Any = anthropic.DefaultHttpxClient(event_hooks=hooks)
            client = anthropic.Anthropic(base_url=url, api_key=key, http_client=http, default_headers=headers)
        else:
            url, key = up.exports["OPENAI_BASE_URL"], up.exports["OPENAI_API_KEY"]
            http = openai.DefaultHttpxClient(event_hooks=hooks)
            client = openai.OpenAI(base_url=url, api_key=key, http_client=http, default_headers=headers)
        calls = {"chat": lambda: client.chat.completions, "responses": lambda: client.responses}
        with client:
            try:
                done = calls.get(kind, lambda: client.messages)().create(**given)
            except (openai.APIStatusError, anthropic.APIStatusError) as error:
                return Told(None, error.status_code, error.message, len(sent))
            return Told(_said(kind, done), 200, None, len(sent))

    return ask


def _said(kind: str, done: Any) -> str:
    if kind == "chat":
        return str(done.choices[0].message.content)
    return str(done.output_text) if kind == "responses" else "".join(block.text for block in done.content)


def _node(sdk: NodeSdk, kind: str, user: Mapping[str, str]) -> Callable[..., Told]:
    def ask(content: Any, *, stream: bool = False, model: str | None = None, tier: str = "pro", **more: Any) -> Told:
        body = {**_body(kind, content, model), **more}
        words = ["--header", f"x-user-id={user['x-user-id']}", "--header", f"x-user-tier={tier}"]
        if kind == "responses":
            words = ["stream" if stream else "responses", "--body", json.dumps(body), *words]
            told = sdk.told("responses.mjs", words)
            calls = told["calls"]
        else:
            words += ["--text", "-", "--model", body.pop("model"), "--more", json.dumps(body)]
            script = "chat.mjs" if kind == "chat" else "messages.mjs"
            told = sdk.told(script, [*words, *(["--stream"] if stream else [])])
            calls = told["retries"] + 1
        error = told["error"]
        return Told(told["text"], error["status"] if error else told["status"], error and error["message"], calls)

    return ask


def test_a_picture_reaches_the_provider(sdk: Sdk) -> None:
    told = sdk.ask(PICTURES[sdk.kind])

    assert (told.status, told.calls) == (200, 1), told
    assert "9 to 18" in (told.text or "")
    assert "context" in (told.text or ""), "the stand-in's answer tells that something was attached"


def test_json_by_a_schema(sdk: Sdk) -> None:
    told = sdk.ask(ASKED, **SHAPED[sdk.kind])

    assert "9 to 18" in json.loads(told.text or "")["answer"]


def test_the_provider_s_error_is_not_tried_again(sdk: Sdk) -> None:
    told = sdk.ask("Hi", model="nobody-knows-it")

    assert (told.status, told.calls) == (404, 1)
    assert "nobody-knows-it" in (told.error or "")


@pytest.mark.parametrize("stream", [False, True])
def test_a_spent_cap_is_asked_as_often_as_the_page_says(sdk: Sdk, up: RunningUp, stream: bool) -> None:
    before = len(up.lines)
    assert sdk.ask("repeat 60 words", tier="free").status == 200
    up.until(lambda: len(up.lines) > before, "the line of the answer that spends the cap")

    told = sdk.ask("repeat 61 words", tier="free", stream=stream)

    assert (told.status, told.calls) == (429, clients_page.calls(sdk.name)[0])
    assert "Your free plan is used up until" in (told.error or "")


@pytest.fixture
def busy(up: RunningUp, sdk: Sdk) -> Iterator[str]:
    faults = f"{up.stand_in_url}/_stand_in/faults"
    httpx.post(faults, json={"status": 429, "models": [BUSY[sdk.kind]]}).raise_for_status()
    yield BUSY[sdk.kind]
    httpx.post(faults, json={}).raise_for_status()


def test_a_provider_s_own_rate_limit_is_tried_as_often_as_the_page_says(sdk: Sdk, busy: str) -> None:
    told = sdk.ask("Hi", model=busy)

    assert (told.status, told.calls) == (429, clients_page.calls(sdk.name)[1])


def test_a_tool_call_arrives_in_pieces_at_node(up: RunningUp, request: pytest.FixtureRequest) -> None:
    weather: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
    user = {"x-user-id": request.node.nodeid}
    sdk = node_sdk(up.base_url)

    whole = sdk.chat("Will it rain today?", headers=user, more={"tools": weather})
    pieces = sdk.chat("Will it rain today?", headers=user, stream=True, more={"tools": weather})

    assert (pieces.finish, [call["name"] for call in pieces.tools]) == ("tool_calls", ["get_weather"])
    assert [call["arguments"] for call in pieces.tools] == [call["arguments"] for call in whole.tools]
