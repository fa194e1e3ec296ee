"""Writing `openai.responses` answers: a stored response as JSON or as the events that the provider would have sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from costward_extproc.dialects import reading, writing
from costward_extproc.dialects.base import Rendered

ECHOED = ("metadata", "user", "safety_identifier", "prompt_cache_key")
"""Members of a request that come back in its answer and change nothing else: a hit must show the caller's own."""

_NUMBER = "\u0000number"
"""Where the sequence number goes in the one event that all pieces share."""


def response_of(text: str, model: str, item_id: str) -> bytes:
    """Our own words as a response that cost nothing."""
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    message = {"id": item_id, "type": "message", "status": "completed", "content": [part], "role": "assistant"}
    usage = {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }
    head = {"object": "response", "status": "completed", "background": False, "error": None, "incomplete_details": None}
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "store": False, "usage": usage}
    return orjson.dumps({**head, "model": model, "output": [message], **rest})


def answer(stored: bytes, asked: Mapping[str, Any], stream: bool, id: str | None, created: int) -> Rendered:
    """A stored response as JSON or as events, under `id` or, where that is None, under its own."""
    document = orjson.loads(stored)
    document = {"id": id, **document, "created_at": created} | ({"id": id} if id else {})
    for name in ECHOED:
        if name in document or asked.get(name) is not None:
            told = asked.get(name)
            document[name] = (told if reading.fits(told) else None) or ({} if name == "metadata" else None)
    if "completed_at" in document:
        document["completed_at"] = created
    if not stream:
        return Rendered("application/json", orjson.dumps(document))
    return Rendered("text/event-stream", b"".join(_numbered(_events(document))))


def _numbered(events: Iterator[bytes]) -> Iterator[bytes]:
    place = orjson.dumps(_NUMBER)
    for number, event in enumerate(events):
        # Once: the first is ours, whatever the text holds.
        yield event.replace(place, b"%d" % number, 1)


def _events(document: dict[str, Any]) -> Iterator[bytes]:
    begun = {**document, "status": "in_progress", "output": [], "usage": None}
    if "completed_at" in begun:
        begun["completed_at"] = None
    yield _event("response.created", response=begun)
    yield _event("response.in_progress", response=begun)
    for index, item in enumerate(document["output"]):
        yield from _item(index, item)
    yield _event("response.completed", response=document)


def _item(index: int, item: dict[str, Any]) -> Iterator[bytes]:
    yield _event(
        "response.output_item.added", output_index=index, item={**item, "status": "in_progress", "content": []}
    )
    for place, part in enumerate(item["content"]):
        yield from _part({"item_id": item["id"], "output_index": index, "content_index": place}, part)
    yield _event("response.output_item.done", output_index=index, item=item)


def _part(where: dict[str, Any], part: dict[str, Any]) -> Iterator[bytes]:
    yield _event("response.content_part.added", **where, part={**part, "text": ""})
    piece = _event("response.output_text.delta", **where, delta=writing.PLACE, logprobs=[])
    yield from writing.pieces(piece, part["text"])
    yield _event("response.output_text.done", **where, text=part["text"], logprobs=[])
    yield _event("response.content_part.done", **where, part=part)


def _event(kind: str, **members: Any) -> bytes:
    data = orjson.dumps({"type": kind, "sequence_number": _NUMBER, **members})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
