"""The official Node.js SDK's responses, embeddings and models through `costward up`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.fakes.node_sdk import CALL_TIMEOUT_S, SCRIPTS
from tests.fakes.running_up import RunningUp
from tools.setup_node import TARGET, install

pytestmark = pytest.mark.slow

Call = Callable[..., dict[str, Any]]
WEATHER: Any = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}]


@pytest.fixture
def call(up: RunningUp, request: pytest.FixtureRequest) -> Call:
    """(kind, headers, members of the body) to what the SDK made of it; each test is a user of its own."""
    installed = install()
    environment = {**os.environ, "OPENAI_BASE_URL": up.base_url, "OPENAI_API_KEY": "sk-test"}

    def run(kind: str, headers: Mapping[str, str] | None = None, **body: Any) -> dict[str, Any]:
        words = [kind, "--body", json.dumps({"model": "gpt-5-mini", **body})]
        for name, value in {"x-user-id": request.node.nodeid, **(headers or {})}.items():
            words += ["--header", f"{name}={value}"]
        done = subprocess.run(
            [installed.node, str(SCRIPTS / "responses.mjs"), *words],
            env={**environment, "COSTWARD_NODE_DIR": str(TARGET)},
            capture_output=True,
            text=True,
            timeout=CALL_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return run


def test_an_answer_and_then_hits_in_both_forms(call: Call) -> None:
    first = call("responses", input="When are you open?", store=False)
    again = call("responses", input="when are you open", store=False)
    streamed = call("stream", input="When are you open?", store=False)
    assert first["headers"]["x-costward-decision"] == "pass"
    for hit in (again, streamed):
        assert hit["headers"]["x-costward-decision"] == "hit-exact"
        assert hit["text"] == first["text"]
    assert (streamed["kinds"][0], streamed["kinds"][-1]) == ("response.created", "response.completed")
    assert streamed["data"]["usage"] == first["data"]["usage"]


def test_a_stream_with_reasoning_and_a_tool_call(call: Call) -> None:
    told = call("stream", input="Will it rain today?", tools=WEATHER, reasoning={"effort": "low"})
    assert [item["type"] for item in told["data"]["output"]] == ["reasoning", "function_call"]
    assert told["kinds"].count("response.function_call_arguments.delta") == 2


def test_structured_output(call: Call) -> None:
    shaped = call("responses", input="When are you open?", text={"format": {"type": "json_object"}})
    assert "9 to 18" in json.loads(shaped["text"])["answer"]


def test_embeddings_and_models(call: Call) -> None:
    vectors = call("embeddings", model="text-embedding-3-small", input=["one", "two"])
    listed = call("models")
    assert (vectors["data"]["sizes"], vectors["data"]["usage"]["prompt_tokens"]) == ([1_536, 1_536], 2)
    assert vectors["headers"]["x-costward-decision"] == "pass"
    assert listed["data"]["ids"][0] == "auto"
    assert "gpt-5-mini" in listed["data"]["ids"]
    assert listed["data"]["found"] == "costward:support-platform"


def test_a_capped_caller_gets_a_rate_limit_error_and_does_not_try_again(call: Call, up: RunningUp) -> None:
    free = {"x-user-tier": "free"}
    up.until_recorded(call("responses", free, input="repeat 60 words")["headers"])
    for kind in ("responses", "stream"):
        capped = call(kind, free, input="repeat 61 words")
        assert (capped["error"]["status"], capped["error"]["code"]) == (429, "budget_exceeded")
        assert capped["calls"] == 1
