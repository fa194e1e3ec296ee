"""LangChain and LiteLLM through `costward up`, unchanged: they find it by the base URL in their environment."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import clients_page
from tests.fakes.running_up import RunningUp
from tools.setup_clients import PYTHON

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent / "clients" / "ask.py"
CALL_SECONDS = 60
"""LiteLLM takes three seconds to import on an idle machine."""

MODELS = {
    "langchain-openai": "gpt-5-mini",
    "langchain-anthropic": "claude-haiku-4-5",
    "litellm-openai": "gpt-5-mini",
    "litellm-anthropic": "claude-haiku-4-5",
}
BUSY = {
    "langchain-openai": "gpt-5-nano",
    "langchain-anthropic": "claude-opus-4-8",
    "litellm-openai": "gpt-5-nano",
    "litellm-anthropic": "claude-opus-4-8",
}
"""Models that the provider answers with 429."""

SHAPE = {
    "title": "told",
    "description": "what is told",
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
PICTURE = base64.b64encode(b"\x89PNG").decode()
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@dataclass(frozen=True)
class Client:
    name: str
    told: dict[str, dict[str, Any]]
    """What it made of each question."""
    refusals: list[str]
    """The lines of those exchanges in which it was refused, its own retries included."""
    tried: list[str]
    """The lines of its calls to the model that is busy."""


@pytest.fixture(scope="module", params=MODELS)
def client(request: pytest.FixtureRequest, up: RunningUp) -> Client:
    """All questions by one process: importing such a framework takes seconds."""
    name: str = request.param
    user = {"x-user-id": f"framework {name}"}
    free = {"x-user-id": f"framework {name} free", "x-user-tier": "free"}
    questions: dict[str, dict[str, Any]] = {
        "whole": {"text": "When are you open?", "headers": user},
        "again": {"text": "when are you open", "headers": user},
        "stream": {"text": "repeat 40 words", "headers": user, "stream": True},
        "tool": {"text": "Will it rain today?", "headers": user, "tools": [WEATHER]},
        "tool stream": {"text": "Will it rain today?", "headers": user, "tools": [WEATHER], "stream": True},
        "shaped": {"text": "When are you open?", "headers": user, "schema": SHAPE},
        "picture": {"text": "When are you open?", "headers": user, "picture": PICTURE},
        "unknown": {"text": "Hi", "headers": user, "model": f"{name.split('-')[1]}-none"},
        "busy": {"text": "Hi", "headers": user, "model": BUSY[name]},
        "last allowed": {"text": "repeat 60 words", "headers": free},
        "capped": {"text": "repeat 61 words", "headers": free},
        "capped stream": {"text": "repeat 62 words", "headers": free, "stream": True},
    }
    before, before_lines = _refusals(up), len(up.lines)
    faults = f"{up.stand_in_url}/_stand_in/faults"
    httpx.post(faults, json={"status": 429, "models": [BUSY[name]]}).raise_for_status()
    try:
        done = subprocess.run(
            [str(PYTHON), str(SCRIPT), name],
            env={**_bare_environment(), **up.exports, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            input=json.dumps([{"model": MODELS[name]} | question for question in questions.values()]),
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
    finally:
        httpx.post(faults, json={}).raise_for_status()
    assert done.returncode == 0, done.stderr
    told = dict(zip(questions, map(json.loads, _answers(done.stdout)), strict=True))
    up.until(lambda: _refusals(up) - before >= 2, "the lines of both refusals")
    lines = up.lines[before_lines:]
    tried = [line for line in lines if f" {BUSY[name]} " in line]
    return Client(name, told, [line for line in lines if " refuse " in line], tried)


def _bare_environment() -> dict[str, str]:
    """Without what would point a client elsewhere, or at somebody's tracing."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _answers(printed: str) -> list[str]:
    """LiteLLM also prints advice."""
    return [line for line in printed.splitlines() if line.startswith("{")]


def _refusals(up: RunningUp) -> int:
    return sum(" refuse " in line for line in up.lines)


def test_a_whole_answer_and_its_usage(client: Client) -> None:
    told = client.told["whole"]
    assert told["error"] is None, told
    assert "9 to 18" in told["text"]
    assert told["output"] > 0


def test_a_hit_reads_like_the_answer(client: Client) -> None:
    assert client.told["again"] == client.told["whole"]


def test_a_stream_in_pieces(client: Client) -> None:
    told = client.told["stream"]
    assert told["error"] is None, told
    assert told["text"] == "word" + " word" * 39
    assert told["chunks"] > 30
    assert told["output"] == 40


def test_a_tool_call(client: Client) -> None:
    for question in ("tool", "tool stream"):
        assert client.told[question]["tools"] == ["get_weather"], client.told[question]


def test_json_by_a_schema(client: Client) -> None:
    told = client.told["shaped"]
    assert told["error"] is None, told
    assert "9 to 18" in json.loads(told["text"])["answer"]


def test_a_picture_reaches_the_provider(client: Client) -> None:
    told = client.told["picture"]
    assert told["error"] is None, told
    assert "context" in told["text"], "the stand-in's answer tells that something was attached"


def test_the_provider_s_error_keeps_its_status(client: Client) -> None:
    told = client.told["unknown"]
    assert told["error"].endswith("NotFoundError"), told
    assert told["status"] == 404


def test_a_provider_s_own_rate_limit_is_tried_as_often_as_the_page_says(client: Client) -> None:
    assert client.told["busy"]["status"] == 429
    assert len(client.tried) == clients_page.calls(client.name)[1], client.tried


def test_a_spent_cap_is_a_rate_limit_in_the_owners_words(client: Client) -> None:
    assert client.told["last allowed"]["error"] is None
    for question in ("capped", "capped stream"):
        told = client.told[question]
        assert told["error"].endswith("RateLimitError"), told
        assert told["status"] == 429
        assert "Your free plan is used up until" in told["message"]


def test_a_refusal_is_not_asked_for_again(client: Client) -> None:
    """Two questions: one whole, one streamed."""
    assert len(client.refusals) == 2 * clients_page.calls(client.name)[0], client.refusals
