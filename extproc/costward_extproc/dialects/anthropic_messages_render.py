"""Writing `anthropic.messages` answers: a stored message as JSON or as the stream that the provider would have sent,
and refusals in its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from costward_extproc.dialects import reading, writing
from costward_extproc.dialects.base import Rendered

_TOLD_AT_THE_END = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
)
"""Members of the usage that the provider repeats in `message_delta`."""

_ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")
"""Members of a message that a stream tells at its end, in `message_delta`."""

_ERROR_TYPES = {
    "insufficient_quota": "rate_limit_error",
    "server_error": "api_error",
    "timeout": "timeout_error",
}
"""OpenAI's words for errors that go by another name here. A spent cap is answered 429, and to the provider's clients
429 is `rate_limit_error`; `billing_error` would be 402."""

_OWN_ERROR_TYPES = frozenset(
    {
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "rate_limit_error",
        "timeout_error",
        "overloaded_error",
        "billing_error",
        "api_error",
    }
)


def message_of(text: str, model: str) -> bytes:
    """Our own words as a message that cost nothing."""
    usage = {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    message = {
        "id": "",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
    }
    return orjson.dumps({**message, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})


def answer(stored: bytes, stream: bool, id: str) -> Rendered:
    """A stored message under a new id, as JSON or as a stream."""
    message = orjson.loads(stored) | {"id": id}
    if not stream:
        return Rendered("application/json", orjson.dumps(message))
    return Rendered("text/event-stream; charset=utf-8", b"".join(_stream(message)))


def error(message: str, type: str, code: str, details: Mapping[str, object], id: str) -> Rendered:
    """`details` with our own code stand beside the two members that the provider's clients read."""
    kind = _ERROR_TYPES.get(type, type if type in _OWN_ERROR_TYPES else "api_error")
    described = {"type": kind, "message": message, "details": {"code": code, **details}}
    return Rendered("application/json", orjson.dumps({"type": "error", "error": described, "request_id": id}))


def _stream(message: dict[str, Any]) -> Iterator[bytes]:
    usage = message["usage"]
    begun = {name: None if name in _ENDING else value for name, value in message.items()}
    # The provider has sampled one token when it begins to answer.
    begun |= {"content": [], "usage": {**usage, "output_tokens": min(reading.count(usage, "output_tokens"), 1)}}
    yield _event("message_start", message=begun)
    for index, block in enumerate(message["content"]):
        yield _event("content_block_start", index=index, content_block={**block, "text": ""})
        if index == 0:
            yield _event("ping")
        shared = _event("content_block_delta", index=index, delta={"type": "text_delta", "text": writing.PLACE})
        yield from writing.pieces(shared, block["text"])
        yield _event("content_block_stop", index=index)
    ending = {name: message[name] for name in _ENDING if name in message}
    told = {name: usage[name] for name in _TOLD_AT_THE_END if name in usage}
    yield _event("message_delta", delta=ending, usage=told)
    yield _event("message_stop")


def _event(name: str, **members: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps({"type": name, **members}) + b"\n\n"
