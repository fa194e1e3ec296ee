"""LangChain and LiteLLM through `costward up`, unchanged: they find it by the base URL in their environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
        "last allowed": {"text": "repeat 60 words", "headers": free},
        "capped": {"text": "repeat 61 words", "headers": free},
        "capped stream": {"text": "repeat 62 words", "headers": free, "stream": True},
    }
    before, before_lines = _refusals(up), len(up.lines)
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT), name],
        env={**_bare_environment(), **up.exports, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        input=json.dumps([{"model": MODELS[name]} | question for question in questions.values()]),
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(zip(questions, map(json.loads, _answers(done.stdout)), strict=True))
    up.until(lambda: _refusals(up) - before >= 2, "the lines of both refusals")
    return Client(name, told, [line for line in up.lines[before_lines:] if " refuse " in line])


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
    assert client.told["tool"]["tools"] == ["get_weather"], client.told["tool"]


def test_a_spent_cap_is_a_rate_limit_in_the_owners_words(client: Client) -> None:
    assert client.told["last allowed"]["error"] is None
    for question in ("capped", "capped stream"):
        told = client.told[question]
        assert told["error"].endswith("RateLimitError"), told
        assert told["status"] == 429
        assert "Your free plan is used up until" in told["message"]


def test_a_refusal_is_not_asked_for_again(client: Client) -> None:
    assert len(client.refusals) == 2, client.refusals
