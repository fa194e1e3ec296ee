"""What the upstream of a benchmark answers, in each dialect: whole, and as the events of a stream."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

CHAT = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-5-mini-2025-08-07",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "word " * 60, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 60, "total_tokens": 90},
}
"""About 500 bytes, the size of a short chat answer."""

MESSAGE = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "word " * 60}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 30, "output_tokens": 60},
}

RESPONSE = {
    "id": "resp_bench",
    "object": "response",
    "created_at": 1_700_000_000,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5-mini-2025-08-07",
    "output": [
        {
            "type": "message",
            "id": "msg_bench",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "word " * 60, "annotations": []}],
        }
    ],
    "store": False,
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 60,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 90,
    },
}

_VECTOR = base64.b64encode(bytes(256 * 4)).decode()

WORD = "word-of-the-stream"
"""Each chunk carries it once; a chunk upstream may put a stamp of the same length there."""


def embeddings(count: int) -> dict[str, Any]:
    """`count` vectors of 256 numbers."""
    data = [{"object": "embedding", "index": index, "embedding": _VECTOR} for index in range(count)]
    usage = {"prompt_tokens": 16 * count, "total_tokens": 16 * count}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}


def events(path: str, chunks: int) -> list[bytes]:
    """A stream of `chunks` pieces of text, each an event of its own; what opens a stream goes with its first piece,
    what closes it with the last."""
    opening, piece, closing = _STREAMS.get(path, _chat_events)(chunks)
    pieces = [piece] * chunks
    pieces[0] = opening + pieces[0]
    pieces[-1] += closing
    return pieces


_Parts = tuple[bytes, bytes, bytes]


def _chat_events(chunks: int) -> _Parts:
    def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
        common = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000}
        return _event({**common, "model": "gpt-5-mini-2025-08-07", "choices": choices, **more})

    def delta(what: dict[str, str], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": what, "finish_reason": finish}]

    usage = {"prompt_tokens": 30, "completion_tokens": chunks, "total_tokens": 30 + chunks}
    return (
        chunk(delta({"role": "assistant", "content": ""})),
        chunk(delta({"content": WORD})),
        chunk(delta({}, "stop")) + chunk([], usage=usage) + b"data: [DONE]\n\n",
    )


def _message_events(chunks: int) -> _Parts:
    started = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 30, "output_tokens": 1}}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    block = {"type": "text", "text": ""}
    return (
        _named({"type": "message_start", "message": started})
        + _named({"type": "content_block_start", "index": 0, "content_block": block}),
        _named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}),
        _named({"type": "content_block_stop", "index": 0})
        + _named({"type": "message_delta", "delta": ended, "usage": {"output_tokens": chunks}})
        + _named({"type": "message_stop"}),
    )


def _response_events(_chunks: int) -> _Parts:
    running = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
    item = {"type": "message", "id": "msg_bench", "status": "in_progress", "role": "assistant", "content": []}
    where = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    return (
        _named({"type": "response.created", "sequence_number": 0, "response": running})
        + _named({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}),
        _named({"type": "response.output_text.delta", "sequence_number": 2, **where, "delta": WORD}),
        _named({"type": "response.completed", "sequence_number": 3, "response": RESPONSE}),
    )


_STREAMS: Mapping[str, Callable[[int], _Parts]] = {
    "/v1/messages": _message_events,
    "/v1/responses": _response_events,
}


def _event(document: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def _named(document: Mapping[str, Any]) -> bytes:
    return f"event: {document['type']}\n".encode() + _event(document)
