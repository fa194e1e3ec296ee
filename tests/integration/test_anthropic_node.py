"""Anthropic's official Node.js SDK through `costward up`: a second implementation reads what the Python one reads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.node_sdk import NodeSdk, node_sdk
from tests.fakes.running_up import RunningUp

pytestmark = pytest.mark.slow

WEATHER: Any = [{"name": "get_weather", "description": "the weather", "input_schema": {"type": "object"}}]


@pytest.fixture
def sdk(up: RunningUp) -> NodeSdk:
    return node_sdk(up.exports["OPENAI_BASE_URL"], up.exports["ANTHROPIC_BASE_URL"])


@pytest.fixture
def user(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"x-user-id": request.node.nodeid}


def test_an_answer_and_then_hits_in_both_forms(sdk: NodeSdk, user: dict[str, str], up: RunningUp) -> None:
    first = sdk.message("When are you open?", headers=user)
    up.until_recorded(first.headers)
    again = sdk.message("when are you open", headers=user)
    streamed = sdk.message("When are you open?", headers=user, stream=True)
    assert (first.headers["x-costward-decision"], first.finish) == ("pass", "end_turn")
    for hit in (again, streamed):
        assert hit.headers["x-costward-decision"] == "hit-exact"
        assert "age" in hit.headers
        assert (hit.text, hit.finish, hit.model) == (first.text, "end_turn", first.model)
    assert streamed.chunks > 1


def test_a_stream_adds_up_and_tells_its_usage(sdk: NodeSdk, user: dict[str, str]) -> None:
    told = sdk.message("repeat 5 words", headers=user, stream=True)
    assert (told.text, told.finish) == ("word word word word word", "end_turn")
    assert told.usage is not None
    assert told.usage["output_tokens"] == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call(sdk: NodeSdk, user: dict[str, str], stream: bool) -> None:
    told = sdk.message("Will it rain today?", headers=user, stream=stream, more={"tools": WEATHER})
    assert told.finish == "tool_use"
    assert [call["name"] for call in told.tools] == ["get_weather"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_spent_cap_is_an_error_that_is_not_retried(
    sdk: NodeSdk, user: dict[str, str], up: RunningUp, stream: bool
) -> None:
    free = {**user, "x-user-tier": "free"}
    up.until_recorded(sdk.message("repeat 60 words", headers=free).headers)
    refused = sdk.message("repeat 61 words", headers=free, stream=stream)
    assert refused.error is not None
    assert (refused.status, refused.error["kind"], refused.retries) == (429, "RateLimitError", 0)
    assert "Your free plan is used up until" in refused.error["message"]


def test_the_providers_own_error_is_the_callers(sdk: NodeSdk, user: dict[str, str]) -> None:
    told = sdk.message("hello", model="claude-none", headers=user)
    assert told.error is not None
    assert (told.status, told.error["kind"], told.error["type"]) == (404, "NotFoundError", "not_found_error")
