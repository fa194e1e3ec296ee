"""The answer side of `/v1/chat/completions`: token counts, the JSON body and the events of a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from costward_cli.stand_in.answers import Answer, ToolCall
from costward_cli.stand_in.chat import ChatRequest, attachments_of, text_of

PIECE = re.compile(r"\s*\S+|\s+$")
"""A word with the blank before it: about what a provider sends per event."""

_PER_MESSAGE = 3
_PER_REPLY = 3
"""What the chat format itself costs, by OpenAI's own counting guide."""

_PER_ATTACHMENT = 85
"""An image at low detail; the stand-in does not look closer."""


class Tokenizer(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...

    def decode_lossy(self, ids: list[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Completion:
    """One answered request, before it is put on the wire."""

    id: str
    created: int
    model: str
    answer: Answer
    finish_reason: str
    choices: int
    prompt_tokens: int
    completion_tokens: int
    """Of all choices together."""

    @property
    def usage(self) -> dict[str, Any]:
        return usage_of(self.prompt_tokens, self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Event:
    data: bytes
    tokens: int
    """Output tokens that it carries, for the bill of a stream that is cut."""


def complete(request: ChatRequest, answer: Answer, tokenizer: Tokenizer, *, id: str, created: int) -> Completion:
    """Cut the answer to the asked-for length and count both sides."""
    said = answer.tool.arguments + answer.tool.name if answer.tool else answer.text
    ids = tokenizer.encode_ordinary(said)
    finish = "tool_calls" if answer.tool else "stop"
    if request.max_tokens is not None and len(ids) > request.max_tokens:
        ids, finish = ids[: request.max_tokens], "length"
        answer = Answer(tokenizer.decode_lossy(ids))
    return Completion(
        id=id,
        created=created,
        model=request.model,
        answer=answer,
        finish_reason=finish,
        choices=request.choices,
        prompt_tokens=prompt_tokens(request, tokenizer),
        completion_tokens=len(ids) * request.choices,
    )


def prompt_tokens(request: ChatRequest, tokenizer: Tokenizer) -> int:
    def size(text: str) -> int:
        return len(tokenizer.encode_ordinary(text)) if text else 0

    total = _PER_REPLY + size(request.tools_text)
    for message in request.messages:
        calls = message.get("tool_calls")
        total += _PER_MESSAGE + size(str(message["role"])) + size(text_of(message))
        total += len(attachments_of(message)) * _PER_ATTACHMENT
        total += size(orjson.dumps(calls).decode()) if calls else 0
    return total


def json_body(done: Completion) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": done.answer.text, "refusal": None}
    if done.answer.tool:
        message |= {"content": None, "tool_calls": [_call(done, done.answer.tool)]}
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": done.finish_reason}
        for index in range(done.choices)
    ]
    return orjson.dumps({**_head(done, "chat.completion"), "choices": choices, "usage": done.usage})


def events(done: Completion, include_usage: bool, count: Callable[[str], int]) -> Iterator[Event]:
    """The stream as OpenAI sends it: role, pieces, finish, and with `include_usage` a last chunk without choices."""
    head = _head(done, "chat.completion.chunk")
    tail = {"usage": None} if include_usage else {}

    def event(delta: dict[str, Any], finish: str | None, index: int, tokens: int = 0) -> Event:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Event(_data({**head, "choices": [choice], **tail}), tokens)

    for index in range(done.choices):
        yield event(_opening(done), None, index)
    for delta, text in _pieces(done.answer):
        for index in range(done.choices):
            yield event(delta, None, index, count(text))
    for index in range(done.choices):
        yield event({}, done.finish_reason, index)
    if include_usage:
        yield Event(_data({**head, "choices": [], "usage": done.usage}), 0)
    yield Event(b"data: [DONE]\n\n", 0)


def usage_of(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _head(done: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": done.id,
        "object": kind,
        "created": done.created,
        "model": done.model,
        "service_tier": "default",
        "system_fingerprint": "fp_stand_in",
    }


def _opening(done: Completion) -> dict[str, Any]:
    if not done.answer.tool:
        return {"role": "assistant", "content": "", "refusal": None}
    call = _call(done, ToolCall(done.answer.tool.name, ""))
    return {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}


def _pieces(answer: Answer) -> Iterator[tuple[dict[str, Any], str]]:
    if answer.tool:
        arguments = answer.tool.arguments
        middle = len(arguments) // 2
        for part in (arguments[:middle], arguments[middle:]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, part
        return
    for piece in PIECE.findall(answer.text):
        yield {"content": piece}, piece


def _call(done: Completion, tool: ToolCall) -> dict[str, Any]:
    function = {"name": tool.name, "arguments": tool.arguments}
    return {"id": f"call_{done.id}", "type": "function", "function": function}


def _data(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
