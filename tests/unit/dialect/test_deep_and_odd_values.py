"""What cannot be written as JSON is neither echoed nor stored: no reading and no rendering raises on it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_contract.snapshot import LadderStep

from tests.fakes.world import World, chat, completion, policy, tier

RESPONSES = {":path": "/v1/responses"}
PART = {"type": "output_text", "text": "hello", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [PART]}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [MESSAGE],
    "usage": {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13},
}
ANTHROPIC = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def with_deep(document: dict[str, Any], levels: int) -> bytes:
    return json.dumps(document).encode()[:-1] + b',"x":' + deep(levels) + b"}"


def asked(**members: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "input": "hello there", "store": False, **members}


@pytest.mark.parametrize(
    "member",
    [{"user": "\ud800"}, {"metadata": {"a": 10**30}}, {"prompt_cache_key": 10**30}],
    ids=["user", "meta", "key"],
)
@pytest.mark.parametrize("stream", [True, False])
def test_callers_values_that_cannot_be_written_are_not_echoed(member: dict[str, Any], stream: bool) -> None:
    step = LadderStep(1_000_000, "Message", text="Used up", deliver="Answer")
    capped = World.of(policy(tiers=(tier(1000, step),)), already_spent=1000).ask(
        asked(stream=stream, **member), RESPONSES
    )
    assert capped.answer is not None
    assert (capped.answer.status, capped.answer.reason) == (200, "cap-spent")
    world = World.of(policy())
    world.ask(asked(), RESPONSES, json.dumps(RESPONSE).encode())
    assert world.ask(asked(stream=stream, **member), RESPONSES).record.decision == "hit-exact"


@pytest.mark.parametrize("levels", [248, 250, 252, 253, 300])
@pytest.mark.parametrize(
    ("request_", "path", "answer"),
    [
        (chat(), "/v1/chat/completions", json.loads(completion())),
        ({**asked(), "stream": False}, "/v1/responses", RESPONSE),
        ({"model": "c", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}, "/v1/messages", ANTHROPIC),
    ],
    ids=["chat", "responses", "anthropic"],
)
def test_what_is_stored_can_be_served(request_: dict[str, Any], path: str, answer: dict[str, Any], levels: int) -> None:
    for stream in (True, False):
        world = World.of(policy())
        world.ask(request_, {":path": path}, with_deep(answer, levels))
        again = world.ask({**request_, "stream": stream}, {":path": path})
        assert again.record.decision == ("hit-exact" if levels < 250 else "pass")


def test_a_deep_response_in_a_stream_is_read_and_not_stored() -> None:
    data = b'data: {"type":"response.completed","response":' + with_deep(RESPONSE, 300) + b"}\n\n"
    world = World.of(policy())
    run = world.ask(asked(stream=True), RESPONSES, data)
    assert run.record.usage.output == 3
    assert not world.entries


def test_deep_tool_calls_are_read() -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"tool_calls":' + deep(990) + b"}}]}\n\n"
    assert World.of(policy()).ask(chat(stream=True), answer=event * 2).record.end == "error"
