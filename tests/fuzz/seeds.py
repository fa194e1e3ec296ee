"""Documents of the shapes that callers and providers send, small: what inputs are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOOL = {"name": "look", "description": "Look it up.", "parameters": {"type": "object", "properties": {"model": {}}}}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}

CHAT_REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "When are you open?"}]},
    {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "You run in\n<env>\n  Today's date: 2026-01-01\n</env>\n"},
            {"role": "user", "content": [{"type": "text", "text": "What is it?"}, _IMAGE]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a box"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "function": _TOOL}],
        "stream": True,
        "stream_options": {"include_usage": False, "include_obfuscation": True},
        "max_completion_tokens": 100,
        "n": 1,
        "user": "u1",
        "metadata": {"model": "inner"},
        "response_format": {"type": "json_object"},
    },
)
MESSAGES_REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "When?"}]},
    {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=0;"},
            {"type": "text", "text": "Be exact.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Begin.", "cache_control": {"type": "ephemeral"}}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"path": "a"}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "box"}]},
            {"role": "assistant", "content": "A box."},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}],
        "metadata": {"user_id": "user_ab_account__session_2c4e1cf0-7a67-4d2e-9a4b-1d16d3f44752"},
        "thinking": {"type": "enabled", "budget_tokens": 32},
    },
)
RESPONSES_REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "gpt-5", "input": "When are you open?"},
    {
        "model": "gpt-5",
        "instructions": "Be short.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "What is it?"}]},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "ZW5j", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "a box"},
            {"type": "message", "role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", **_TOOL}, {"type": "web_search"}],
        "reasoning": {"effort": "low"},
        "max_output_tokens": 100,
        "previous_response_id": "resp_1",
        "stream": True,
        "store": False,
        "prompt_cache_key": "k",
    },
)
EMBEDDINGS_REQUESTS: tuple[dict[str, Any], ...] = (
    {"model": "text-embedding-3-small", "input": "hello"},
    {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 8},
    {"model": "text-embedding-3-small", "input": [[1, 2, 3]], "user": "u"},
)

_CHAT_USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CHAT_ANSWERS: tuple[dict[str, Any], ...] = (
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-mini",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "From nine."}, "finish_reason": "stop"},
        ],
        "usage": _CHAT_USAGE,
    },
    {"error": {"message": "no", "type": "server_error"}},
)
MESSAGES_ANSWERS: tuple[dict[str, Any], ...] = (
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "From nine."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "output_tokens": 5,
            "cache_creation_input_tokens": 4,
            "cache_read_input_tokens": 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 1},
        },
    },
    {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
)
RESPONSES_ANSWERS: tuple[dict[str, Any], ...] = (
    {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-5",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "From nine.", "annotations": []}],
            }
        ],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 15,
        },
    },
)
EMBEDDINGS_ANSWERS: tuple[dict[str, Any], ...] = (
    {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -1e-9]}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    },
)


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini"}
    choices = [{"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish}]
    return {**head, "choices": choices, "usage": None}


_CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{"}}
CHAT_STREAMS: tuple[tuple[Any, ...], ...] = (
    (
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"content": "From"}),
        _chunk({"content": " nine."}),
        _chunk({}, "stop"),
        {"id": "c", "object": "chat.completion.chunk", "model": "gpt-5-mini", "choices": [], "usage": _CHAT_USAGE},
    ),
    (_chunk({"tool_calls": [_CALL]}), {"error": {"message": "no", "type": "server_error"}}),
)
_STARTED = {**MESSAGES_ANSWERS[0], "content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
MESSAGES_STREAMS: tuple[tuple[Any, ...], ...] = (
    (
        {"type": "message_start", "message": _STARTED},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "From nine."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ),
    (
        {"type": "message_start", "message": _STARTED},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
    ),
)
_WHOLE_RESPONSE = RESPONSES_ANSWERS[0]
RESPONSES_STREAMS: tuple[tuple[Any, ...], ...] = (
    (
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**_WHOLE_RESPONSE, "status": "in_progress", "output": [], "usage": None},
        },
        {"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "delta": "From nine."},
        {"type": "response.completed", "sequence_number": 3, "response": _WHOLE_RESPONSE},
    ),
    (
        {"type": "response.output_text.delta", "delta": "x"},
        {"type": "response.function_call_arguments.delta", "sequence_number": 2, "item_id": "f", "delta": "{"},
        {"type": "error", "code": "server_error", "message": "no"},
    ),
)


@dataclass(frozen=True)
class Shapes:
    """What a dialect's callers and providers send."""

    requests: Sequence[Any]
    answers: Sequence[Any]
    streams: Sequence[Sequence[Any]] = ()
    """Each is the data of a stream's events."""


OF_DIALECT: Mapping[str, Shapes] = {
    "openai.chat": Shapes(CHAT_REQUESTS, CHAT_ANSWERS, CHAT_STREAMS),
    "anthropic.messages": Shapes(MESSAGES_REQUESTS, MESSAGES_ANSWERS, MESSAGES_STREAMS),
    "openai.responses": Shapes(RESPONSES_REQUESTS, RESPONSES_ANSWERS, RESPONSES_STREAMS),
    "openai.embeddings": Shapes(EMBEDDINGS_REQUESTS, EMBEDDINGS_ANSWERS),
}


def plain(document: Any) -> bytes:
    return json.dumps(document).encode()


def stream(events: Sequence[Any], end: bytes = b"\n", done: bool = False, named: bool = True) -> bytes:
    """Server-sent events of these data; `named`: with an `event:` line where the data has a type."""
    parts = []
    for data in events:
        kind = data.get("type") if named and isinstance(data, dict) else None
        # A name that cannot be said in one line is left out.
        if isinstance(kind, str) and kind.isascii() and kind.isprintable():
            parts.append(b"event: " + kind.encode() + end)
        parts.append(b"data: " + plain(data) + end + end)
    return b"".join(parts) + (b"data: [DONE]" + end + end if done else b"")
