"""The answer side of `/v1/responses`: the JSON body and the events of a stream, as OpenAI sends them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from costward_cli.stand_in.completion import PIECE, Completion, Event
from costward_cli.stand_in.responses_request import ResponsesRequest

_REASONING_TOKENS = 12
"""What thinking costs here: little, and more than nothing, so that a bill without it is seen to be wrong."""

_ECHOED = ("instructions", "max_output_tokens", "metadata", "previous_response_id", "reasoning", "text", "user")


@dataclass(frozen=True, slots=True)
class Answered:
    """One answered request, before it is put on the wire."""

    asked: ResponsesRequest
    done: Completion

    @property
    def output_tokens(self) -> int:
        return self.done.completion_tokens + self.reasoning_tokens

    @property
    def reasoning_tokens(self) -> int:
        return _REASONING_TOKENS if self.asked.reasons else 0

    @property
    def output(self) -> list[dict[str, Any]]:
        items = [_reasoning(self)] if self.asked.reasons else []
        return [*items, _spoken(self)]

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.done.prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "total_tokens": self.done.prompt_tokens + self.output_tokens,
        }


def response(answered: Answered) -> dict[str, Any]:
    """The whole response object."""
    cut = answered.done.finish_reason == "length"
    document = answered.asked.document
    return {
        "id": answered.done.id,
        "object": "response",
        "created_at": answered.done.created,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        **{name: document.get(name) for name in _ECHOED},
        "model": answered.done.model,
        "output": answered.output,
        "parallel_tool_calls": True,
        "store": answered.asked.stored,
        "temperature": document.get("temperature", 1.0),
        "tool_choice": document.get("tool_choice", "auto"),
        "tools": document.get("tools") or [],
        "top_p": document.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": answered.usage,
        "metadata": document.get("metadata") or {},
    }


def events(answered: Answered, count: Callable[[str], int]) -> Iterator[Event]:
    for number, (kind, members, tokens) in enumerate(_events(answered, count)):
        data = orjson.dumps({"type": kind, "sequence_number": number, **members})
        yield Event(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n", tokens)


_Told = tuple[str, dict[str, Any], int]


def _events(answered: Answered, count: Callable[[str], int]) -> Iterator[_Told]:
    whole = response(answered)
    begun = {"response": {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}}
    yield "response.created", begun, 0
    yield "response.in_progress", begun, 0
    for index, item in enumerate(whole["output"]):
        where = {"output_index": index, "item_id": item["id"]}
        yield "response.output_item.added", {"output_index": index, "item": _begun(item)}, _thought(item, answered)
        if item["type"] == "message":
            yield from _text(where, item["content"][0], count)
        elif item["type"] == "function_call":
            yield from _arguments(where, item, count)
        yield "response.output_item.done", {"output_index": index, "item": item}, 0
    yield f"response.{whole['status']}", {"response": whole}, 0


def _thought(item: dict[str, Any], answered: Answered) -> int:
    return answered.reasoning_tokens if item["type"] == "reasoning" else 0


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": [], "arguments": "", "status": "in_progress"}
    return {**item, **{name: value for name, value in empty.items() if name in item}}


def _text(where: dict[str, Any], part: dict[str, Any], count: Callable[[str], int]) -> Iterator[_Told]:
    where = {**where, "content_index": 0}
    yield "response.content_part.added", {**where, "part": {**part, "text": ""}}, 0
    for piece in PIECE.findall(part["text"]):
        told = {**where, "delta": piece, "logprobs": [], "obfuscation": "x" * (16 - len(piece) % 16)}
        yield "response.output_text.delta", told, count(piece)
    yield "response.output_text.done", {**where, "text": part["text"], "logprobs": []}, 0
    yield "response.content_part.done", {**where, "part": part}, 0


def _arguments(where: dict[str, Any], item: dict[str, Any], count: Callable[[str], int]) -> Iterator[_Told]:
    arguments = item["arguments"]
    middle = len(arguments) // 2
    for piece in (arguments[:middle], arguments[middle:]):
        yield "response.function_call_arguments.delta", {**where, "delta": piece}, count(piece)
    yield "response.function_call_arguments.done", {**where, "arguments": arguments, "name": item["name"]}, 0


def _reasoning(answered: Answered) -> dict[str, Any]:
    item: dict[str, Any] = {"id": f"rs_{answered.done.id}", "type": "reasoning", "summary": []}
    if answered.asked.encrypted:
        item["encrypted_content"] = base64.b64encode(hashlib.sha512(answered.done.id.encode()).digest()).decode()
    return item


def _spoken(answered: Answered) -> dict[str, Any]:
    done, status = answered.done, "incomplete" if answered.done.finish_reason == "length" else "completed"
    if done.answer.tool is not None:
        tool = done.answer.tool
        called = {"call_id": f"call_{done.id}", "name": tool.name, "arguments": tool.arguments}
        return {"id": f"fc_{done.id}", "type": "function_call", "status": status, **called}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": done.answer.text}
    return {"id": f"msg_{done.id}", "type": "message", "status": status, "content": [part], "role": "assistant"}
