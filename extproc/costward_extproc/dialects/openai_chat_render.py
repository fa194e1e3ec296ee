"""Writing `openai.chat` answers: a stored completion as JSON or as the stream that the provider would have sent."""

from __future__ import annotations

from typing import Any

import orjson

from costward_extproc.dialects import writing
from costward_extproc.dialects.base import Rendered


def completion_of(text: str, model: str) -> bytes:
    """Our own words as a completion that cost nothing."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return orjson.dumps({"object": "chat.completion", "model": model, "choices": [choice], "usage": usage})


def answer(stored: bytes, stream: bool, include_usage: bool, id: str, created: int) -> Rendered:
    """A stored completion under a new id, as JSON or as a stream."""
    document = orjson.loads(stored)
    document = {"id": id, **document, "created": created} | {"id": id}
    if not stream:
        return Rendered("application/json", orjson.dumps(document))
    return Rendered("text/event-stream", _stream(document, include_usage))


def _stream(document: dict[str, Any], include_usage: bool) -> bytes:
    choice = document["choices"][0]
    message = dict(choice["message"])
    content = message.pop("content")
    opening = {"role": message.pop("role", "assistant"), "content": "", **message}
    chunks = [_event(_chunk(document, opening, None, include_usage))]
    chunks += writing.pieces(_event(_chunk(document, {"content": writing.PLACE}, None, include_usage)), content)
    chunks.append(_event(_chunk(document, {}, choice["finish_reason"], include_usage)))
    if include_usage:
        chunks.append(_event({**_head(document), "choices": [], "usage": document.get("usage")}))
    return b"".join(chunks) + b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _chunk(document: dict[str, Any], delta: dict[str, Any], finish: str | None, include_usage: bool) -> dict[str, Any]:
    chunk = {
        **_head(document),
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return {**chunk, "usage": None} if include_usage else chunk


def _head(document: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in document.items() if name not in ("object", "choices", "usage")}
    return {"object": "chat.completion.chunk"} | own
