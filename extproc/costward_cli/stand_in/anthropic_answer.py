"""The answer side of `/v1/messages`: the JSON body and the events of a stream, as Anthropic sends them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from costward_cli.stand_in.anthropic_cache import Prompt
from costward_cli.stand_in.completion import PIECE, Completion, Event

_STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}

_THOUGHT = "The question is known; so is its answer."
"""What the stand-in thinks, in nine tokens or so."""


@dataclass(frozen=True, slots=True)
class Message:
    """One answered request, before it is put on the wire."""

    id: str
    done: Completion
    prompt: Prompt
    thinks: bool
    output_tokens: int

    @property
    def stop(self) -> dict[str, Any]:
        return {"stop_reason": _STOPS[self.done.finish_reason], "stop_sequence": None}

    @property
    def blocks(self) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if self.thinks:
            blocks.append({"type": "thinking", "thinking": _THOUGHT, "signature": _signature(self.id)})
        tool = self.done.answer.tool
        if tool is not None:
            arguments = orjson.loads(tool.arguments)
            blocks.append({"type": "tool_use", "id": f"toolu_{self.id}", "name": tool.name, "input": arguments})
        elif self.done.answer.text:
            blocks.append({"type": "text", "text": self.done.answer.text})
        return blocks


def answered(done: Completion, prompt: Prompt, thinks: bool, count: Callable[[str], int]) -> Message:
    tokens = done.completion_tokens + (count(_THOUGHT) if thinks else 0)
    return Message(done.id, done, prompt, thinks, tokens)


def json_body(message: Message) -> bytes:
    return orjson.dumps({**_head(message, message.blocks), **message.stop, "usage": usage(message)})


def usage(message: Message) -> dict[str, Any]:
    prompt = message.prompt
    return {
        "input_tokens": prompt.plain,
        "cache_creation_input_tokens": prompt.written,
        "cache_read_input_tokens": prompt.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": prompt.written_5m,
            "ephemeral_1h_input_tokens": prompt.written_1h,
        },
        "output_tokens": message.output_tokens,
        "service_tier": "standard",
    }


def events(message: Message, count: Callable[[str], int]) -> Iterator[Event]:
    """`message_start` tells the input; the output is told only at the end, as a running total."""
    begun = {**_head(message, []), "stop_reason": None, "stop_sequence": None}
    begun["usage"] = {**usage(message), "output_tokens": min(message.output_tokens, 1)}
    yield _event("message_start", message=begun)
    for index, block in enumerate(message.blocks):
        yield from _block(index, block, count)
    told = {name: value for name, value in usage(message).items() if name not in ("cache_creation", "service_tier")}
    yield _event("message_delta", delta=message.stop, usage=told)
    yield _event("message_stop")


def _block(index: int, block: dict[str, Any], count: Callable[[str], int]) -> Iterator[Event]:
    opened, deltas = _deltas(block)
    yield _event("content_block_start", index=index, content_block=opened)
    if index == 0:
        yield _event("ping")
    for delta in deltas:
        # A signature is no output; all other deltas are.
        said = "" if "signature" in delta else next(value for name, value in delta.items() if name != "type")
        yield _event("content_block_delta", count(said), index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in PIECE.findall(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            spelled = orjson.dumps(block["input"]).decode()
            middle = len(spelled) // 2
            pieces = ("", spelled[:middle], spelled[middle:])
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case _:
            return {**block, "text": ""}, [{"type": "text_delta", "text": p} for p in PIECE.findall(block["text"])]


def _head(message: Message, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": message.done.model,
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "content": content,
    }


def _signature(of: str) -> str:
    return base64.b64encode(hashlib.sha512(of.encode()).digest() * 3).decode()


def _event(name: str, tokens: int = 0, **members: Any) -> Event:
    return Event(b"event: " + name.encode() + b"\ndata: " + orjson.dumps({"type": name, **members}) + b"\n\n", tokens)
