"""Reading `openai.responses` answers: usage, status, and whether an answer is whole enough to be kept.

Source of the format: the OpenAI API reference, "The response object" and "Streaming events".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from costward_extproc.core import sse
from costward_extproc.core.money import Usage
from costward_extproc.dialects import reading
from costward_extproc.dialects.base import Reading

_ENDED = frozenset({"completed", "incomplete"})
_PENDING = frozenset({"queued", "in_progress"})
_BROKEN = frozenset({"failed", "cancelled"})
_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})

_USAGE_MEMBER = re.compile(rb'"usage"\s*:\s*(\{\s*"(?:input|output|total)_tokens)')
"""A quote inside a string is escaped, so this can only be a member, wherever the bytes before it were cut."""


def read_whole(body: bytes) -> Reading:
    """A non-stream answer."""
    document = reading.object_of(body)
    return Reading(usage=_usage_in(body)) if document is None else _read(document, None, body)


def read_stream(body: bytes) -> Reading:
    """A stream, whole or cut anywhere."""
    seen: list[str] = []
    head: dict[str, Any] = {}
    for data in sse.data_in(body):
        event = reading.object_of(data) or {}
        kind, response = event.get("type"), event.get("response")
        if kind == "error" or (kind is None and event.get("error") is not None):
            return Reading(model=reading.string(head.get("model")), text_seen="".join(seen), failed=True)
        if isinstance(response, dict):
            head = response
            if isinstance(kind, str) and kind in _LAST_EVENTS:
                return _read(response, "".join(seen), None)
        seen.extend(_said_in(event))
    # Nobody need listen to what goes on in the background: it is not ended by a stream that is cut.
    goes_on = head.get("background") is True
    model = reading.string(head.get("model"))
    return Reading(usage=_usage_in(body), model=model, text_seen="".join(seen), pending=goes_on)


def _read(response: Mapping[str, Any], seen: str | None, body: bytes | None) -> Reading:
    """`seen`: what a stream told on the way; `body`: the bytes, where the answer came in one piece."""
    output, status = reading.dicts(response.get("output")), response.get("status")
    failed = response.get("error") is not None or (isinstance(status, str) and status in _BROKEN)
    pending = not failed and isinstance(status, str) and status in _PENDING
    storable = not failed and _is_storable(response, output) and reading.fits(response)
    return Reading(
        usage=usage_of(response.get("usage")),
        model=reading.string(response.get("model")),
        service_tier=reading.service_tier(response.get("service_tier")),
        complete=pending or (not failed and isinstance(status, str) and status in _ENDED),
        text_seen="".join(text for item in output for text in _said(item)) if seen is None else seen,
        storable=(reading.encoded(response) if body is None else body) if storable else None,
        failed=failed,
        pending=pending,
    )


def _said_in(event: Mapping[str, Any]) -> Iterator[str]:
    """What one event brought of all that the provider counts as output."""
    delta, item = event.get("delta"), event.get("item")
    if isinstance(delta, str):
        yield delta
    elif isinstance(item, dict) and event.get("type") == "response.output_item.added":
        yield from (item[name] for name in ("name", "arguments", "input") if isinstance(item.get(name), str))


def _said(item: Mapping[str, Any]) -> Iterator[str]:
    """The same of an item that came whole."""
    for part in (item, *reading.dicts(item.get("content")), *reading.dicts(item.get("summary"))):
        names = ("text", "refusal", "name", "arguments", "input")
        yield from (part[name] for name in names if isinstance(part.get(name), str))


def _is_storable(response: Mapping[str, Any], output: Sequence[Mapping[str, Any]]) -> bool:
    """It ended by itself, with text and nothing else: a reasoning item belongs to one conversation."""
    if response.get("status") != "completed" or response.get("incomplete_details") is not None:
        return False
    whole = isinstance(response.get("output"), list) and len(response["output"]) == len(output)
    return whole and bool(output) and all(map(_is_plain_message, output))


def _is_plain_message(item: Mapping[str, Any]) -> bool:
    content, parts = item.get("content"), reading.dicts(item.get("content"))
    if item.get("type") != "message" or item.get("status") != "completed" or not isinstance(item.get("id"), str):
        return False
    return isinstance(content, list) and bool(parts) and len(parts) == len(content) and all(map(_is_plain_text, parts))


def _is_plain_text(part: Mapping[str, Any]) -> bool:
    text = part.get("text")
    plain = part.get("type") == "output_text" and isinstance(text, str) and bool(text)
    return plain and not part.get("annotations") and not part.get("logprobs")


def usage_of(raw: object) -> Usage | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("input_tokens"), int):
        return None
    given, made = raw.get("input_tokens_details"), raw.get("output_tokens_details")
    return Usage(
        input=reading.count(raw, "input_tokens"),
        output=reading.count(raw, "output_tokens"),
        cached_input=reading.count(given, "cached_tokens"),
        cache_write=reading.count(given, "cache_write_tokens"),
        reasoning=reading.count(made, "reasoning_tokens"),
    )


def _usage_in(body: bytes) -> Usage | None:
    """Of an answer that is too long to be kept whole, or was cut after its usage: only final ones have one."""
    found = None
    for match in _USAGE_MEMBER.finditer(body):
        found = match
    if found is None:
        return None
    text = body[found.start(1) : found.start(1) + 2_048].decode("utf-8", "replace")
    try:
        raw, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return usage_of(raw)
