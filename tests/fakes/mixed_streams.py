"""The scripted provider's answers on the wire: as JSON and as each dialect's stream, (bytes, output text) a part."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.mixed_answers import Said

Wire = Iterator[tuple[bytes, str]]
_PIECE = re.compile(r"\s*\S+")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chat(said: Said, stream: bool, include_usage: bool, draw: random.Random) -> Wire:
    usage = {
        "prompt_tokens": said.usage.input,
        "completion_tokens": said.usage.output,
        "total_tokens": said.usage.input + said.usage.output,
        "prompt_tokens_details": {"cached_tokens": said.usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": said.usage.reasoning},
    }
    calls = [
        {"id": f"call_{said.id}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(said.calls)
    ]
    finish = "tool_calls" if calls else "stop"
    head = {"id": f"chatcmpl-{said.id}", "created": 1_700_000_000, "model": said.model, "service_tier": "default"}
    if not stream:
        message = {"role": "assistant", "content": said.text or None} | ({"tool_calls": calls} if calls else {})
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        yield _json({**head, "object": "chat.completion", "choices": [choice], "usage": usage}), said.text
        return
    head["object"] = "chat.completion.chunk"
    told: dict[str, Any] = {"usage": None} if include_usage else {}
    # Some providers pad their chunks against eavesdroppers; the padding is anything but ordinary text.
    padded = draw.random() < 0.5

    def chunk(delta: dict[str, Any], text: str = "", finish: str | None = None) -> tuple[bytes, str]:
        padding = {"obfuscation": f"{len(text):x}usage"} if padded else {}
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        return b"data: " + _json({**head, "choices": choices, **told, **padding}) + b"\n\n", text

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in _PIECE.findall(said.text):
        yield chunk({"content": piece}, piece)
    for index, call in enumerate(calls):
        name, arguments = said.calls[index]
        yield chunk({"tool_calls": [{"index": index, **call, "function": {"name": name, "arguments": ""}}]}, name)
        for piece in (arguments[:5], arguments[5:]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, piece)
    yield chunk({}, finish=finish)
    if include_usage:
        yield b"data: " + _json({**head, "choices": [], "usage": usage}) + b"\n\n", ""
    yield b"data: [DONE]\n\n", ""


def responses(said: Said, stream: bool) -> Wire:
    usage = {
        "input_tokens": said.usage.input,
        "input_tokens_details": {"cached_tokens": said.usage.cached},
        "output_tokens": said.usage.output,
        "output_tokens_details": {"reasoning_tokens": said.usage.reasoning},
        "total_tokens": said.usage.input + said.usage.output,
    }
    output = _items(said)
    head = {
        "id": f"resp_{said.id}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": said.model,
        "output": [],
        "usage": None,
    }
    whole = {**head, "status": "completed", "output": output, "usage": usage}
    if not stream:
        yield _json(whole), said.text
        return
    number = iter(range(1_000_000))

    def event(kind: str, text: str = "", **members: Any) -> tuple[bytes, str]:
        told = {"type": kind, "sequence_number": next(number), **members}
        return f"event: {kind}\n".encode() + b"data: " + _json(told) + b"\n\n", text

    yield event("response.created", response=head)
    yield event("response.in_progress", response=head)
    for index, item in enumerate(output):
        if item["type"] == "message":
            yield from _message_events(event, index, item, said.text)
        else:
            yield from _call_events(event, index, item)
    yield event("response.completed", response=whole)


def _items(said: Said) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if said.text:
        content = [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}]
        items.append(
            {"id": f"msg_{said.id}", "type": "message", "status": "completed", "role": "assistant", "content": content}
        )
    for n, (name, arguments) in enumerate(said.calls):
        ids = {"id": f"fc_{said.id}_{n}", "call_id": f"call_{said.id}_{n}"}
        items.append({**ids, "type": "function_call", "status": "completed", "name": name, "arguments": arguments})
    return items


def _message_events(event: Any, index: int, item: dict[str, Any], text: str) -> Wire:
    place = {"item_id": item["id"], "output_index": index}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield event("response.output_item.added", output_index=index, item={**item, "status": "in_progress", "content": []})
    yield event("response.content_part.added", **place, content_index=0, part=part)
    for piece in _PIECE.findall(text):
        more = {"delta": piece, "logprobs": [], "obfuscation": "x" * (8 - len(piece) % 8)}
        yield event("response.output_text.delta", piece, **place, content_index=0, **more)
    yield event("response.output_text.done", **place, content_index=0, text=text, logprobs=[])
    yield event("response.content_part.done", **place, content_index=0, part={**part, "text": text})
    yield event("response.output_item.done", output_index=index, item=item)


def _call_events(event: Any, index: int, item: dict[str, Any]) -> Wire:
    place = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield event("response.output_item.added", item["name"], output_index=index, item=begun)
    for piece in (item["arguments"][:5], item["arguments"][5:]):
        yield event("response.function_call_arguments.delta", piece, **place, delta=piece)
    yield event("response.function_call_arguments.done", **place, arguments=item["arguments"])
    yield event("response.output_item.done", output_index=index, item=item)


def messages(said: Said, stream: bool) -> Wire:
    counted = {
        "input_tokens": said.usage.input - said.usage.cached - said.usage.written,
        "cache_creation_input_tokens": said.usage.written,
        "cache_read_input_tokens": said.usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": said.usage.written - said.usage.written_1h,
            "ephemeral_1h_input_tokens": said.usage.written_1h,
        },
        "output_tokens": said.usage.output,
        "service_tier": "standard",
    }
    blocks = _blocks(said)
    stop = "tool_use" if said.calls else "end_turn"
    message = {"id": f"msg_{said.id}", "type": "message", "role": "assistant", "model": said.model}
    if not stream:
        yield _json({**message, "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": counted}), ""
        return

    def event(kind: str, text: str = "", **members: Any) -> tuple[bytes, str]:
        return f"event: {kind}\n".encode() + b"data: " + _json({"type": kind, **members}) + b"\n\n", text

    begun: dict[str, Any] = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield event("message_start", message={**begun, "usage": {**counted, "output_tokens": 1}})
    for index, block in enumerate(blocks):
        yield from _block_events(event, index, block)
    ending = {"stop_reason": stop, "stop_sequence": None}
    yield event("message_delta", delta=ending, usage={"output_tokens": said.usage.output})
    yield event("message_stop")


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.thinking:
        blocks.append({"type": "thinking", "thinking": said.thinking, "signature": "EqQB" * 40})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for n, (name, arguments) in enumerate(said.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{said.id}_{n}", "name": name, "input": json.loads(arguments)})
    return blocks


_DELTAS = {"thinking": ("thinking_delta", "thinking"), "text": ("text_delta", "text")}


def _block_events(event: Any, index: int, block: dict[str, Any]) -> Wire:
    kind, name = _DELTAS.get(block["type"], ("input_json_delta", "partial_json"))
    begun: dict[str, Any] = {**block, "input": {}} if name == "partial_json" else {**block, name: ""}
    text = json.dumps(block["input"]) if name == "partial_json" else block[name]
    yield event("content_block_start", block.get("name", ""), index=index, content_block=begun)
    if index == 0:
        yield event("ping")
    for piece in _PIECE.findall(text):
        yield event("content_block_delta", piece, index=index, delta={"type": kind, name: piece})
    if name == "thinking":
        signed = {"type": "signature_delta", "signature": block["signature"]}
        yield event("content_block_delta", index=index, delta=signed)
    yield event("content_block_stop", index=index)
