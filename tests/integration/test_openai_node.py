"""The official Node.js SDK through `costward up`: a second implementation reads what the Python one reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.node_sdk import NodeSdk, node_sdk
from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

WEATHER: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
NO_USAGE: Any = {"stream_options": None}


@pytest.fixture
def sdk(up: RunningUp) -> NodeSdk:
    return node_sdk(up.base_url)


@pytest.fixture
def user(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"x-user-id": request.node.nodeid}


def test_an_answer_and_then_hits_in_both_forms(sdk: NodeSdk, user: dict[str, str], up: RunningUp) -> None:
    first = sdk.chat("When are you open?", headers=user)
    up.until_recorded(first.headers)
    again = sdk.chat("when are you open", headers=user)
    streamed = sdk.chat("When are you open?", headers=user, stream=True, more=NO_USAGE)
    assert first.headers["x-costward-decision"] == "pass"
    assert first.usage is not None
    for hit in (again, streamed):
        assert hit.headers["x-costward-decision"] == "hit-exact"
        assert "age" in hit.headers
        assert (hit.text, hit.finish, hit.model) == (first.text, "stop", first.model)
    assert streamed.chunks > 1


def test_a_stream_shows_usage_only_to_who_asked(sdk: NodeSdk, user: dict[str, str]) -> None:
    plain = sdk.chat("repeat 5 words", headers=user, stream=True, more=NO_USAGE)
    counted = sdk.chat("repeat 6 words", headers=user, stream=True)
    assert (plain.text, plain.finish, plain.choiceless, plain.usage) == ("word word word word word", "stop", 0, None)
    assert counted.choiceless == 1
    assert counted.usage is not None
    assert counted.usage["completion_tokens"] == 6


def test_a_tool_call_and_json_mode(sdk: NodeSdk, user: dict[str, str]) -> None:
    weather = sdk.chat("Will it rain today?", headers=user, more={"tools": WEATHER})
    shaped = sdk.chat("When are you open?", headers=user, more={"response_format": {"type": "json_object"}})
    assert weather.finish == "tool_calls"
    assert [call["name"] for call in weather.tools] == ["get_weather"]
    assert "9 to 18" in json.loads(shaped.text or "")["answer"]


def test_a_capped_caller_gets_a_rate_limit_error_and_does_not_try_again(
    sdk: NodeSdk, user: dict[str, str], up: RunningUp
) -> None:
    free = {**user, "x-user-tier": "free"}
    up.until_recorded(sdk.chat("repeat 60 words", headers=free).headers)
    before = up.bill()["requests"]
    capped = sdk.chat("repeat 61 words", headers=free)
    assert capped.error is not None
    assert (capped.error["status"], capped.error["code"]) == (429, "budget_exceeded")
    assert "Your free plan is used up until" in capped.error["message"]
    assert capped.retries == 0
    assert up.bill()["requests"] == before
