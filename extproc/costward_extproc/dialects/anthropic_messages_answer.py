"""Reading `anthropic.messages` answers: usage, how far it came, and whether it is whole enough to be kept.

Source of the format: the Anthropic API reference, "Streaming messages". `message_start` tells the input and a first
count of the output; `message_delta` tells the output as a running total, and may leave out what has not changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costward_extproc.core import sse
from costward_extproc.core.money import Usage
from costward_extproc.dialects import reading
from costward_extproc.dialects.base import Reading

_NATURAL_STOP = "end_turn"
"""`stop_sequence` is the caller's cut, which is left to its own exact request; all others are no whole answers."""

_GROWING = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""Deltas that carry what the provider counts as output, and the member that holds it."""


def read_whole(body: bytes) -> Reading:
    """A non-stream answer."""
    message = reading.object_of(body)
    if message is None:
        return Reading()
    if message.get("type") == "error" or "content" not in message:
        return Reading(failed="error" in message, usage=_usage(message.get("usage")))
    blocks = reading.dicts(message.get("content"))
    return Reading(
        usage=_usage(message.get("usage")),
        model=reading.string(message.get("model")),
        service_tier=reading.speed_or_tier(message.get("usage")),
        complete=True,
        text_seen="".join(text for block in blocks for text in _spoken(block)),
        storable=body if _is_storable(message) and reading.fits(message) else None,
    )


def read_stream(body: bytes) -> Reading:
    """A stream, whole or cut anywhere, in the middle too where it was too long to keep."""
    answer = _Assembly()
    for data in sse.data_in(body):
        if (event := reading.object_of(data)) is not None:
            answer.add(event)
    return answer.reading()


class _Assembly:
    """Events put together into the message that the provider would have sent without `stream`."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.blocks: dict[int, dict[str, Any]] = {}
        self.pieces: dict[int, list[str]] = {}
        """Text of each block as it came; joined once, since adding to a long text each time would be quadratic."""
        self.seen: list[str] = []
        self.usage: dict[str, Any] = {}
        self.counted = self.done = self.failed = self.lossy = False

    def add(self, event: Mapping[str, Any]) -> None:
        match event.get("type"):
            case "message_start":
                self._start(event.get("message"))
            case "content_block_start":
                self._open(event.get("index"), event.get("content_block"))
            case "content_block_delta":
                self._grow(event.get("index"), event.get("delta"))
            case "message_delta":
                self._end(event)
            case "message_stop":
                self.done = True
            case "error":
                self.failed = True
            case "content_block_stop" | "ping":
                pass
            case _:
                # An event of a later API: it flows past, but an answer that rests on it is not kept.
                self.lossy = True

    def _start(self, message: object) -> None:
        if isinstance(message, dict):
            self.message = {**message}
            self._count(message.get("usage"))

    def _open(self, index: object, block: object) -> None:
        if not isinstance(index, int) or not isinstance(block, dict):
            return
        self.lossy = self.lossy or index in self.blocks
        self.blocks[index] = block
        self.seen.extend(_spoken(block))
        self.pieces[index] = [text] if isinstance(text := block.get("text"), str) else []

    def _grow(self, index: object, delta: object) -> None:
        if not isinstance(delta, dict):
            return
        kind = delta.get("type")
        text = delta.get(_GROWING[kind]) if isinstance(kind, str) and kind in _GROWING else None
        if isinstance(text, str):
            self.seen.append(text)
        if kind == "text_delta" and isinstance(text, str) and isinstance(index, int) and index in self.pieces:
            self.pieces[index].append(text)
        else:
            # Thinking, tools, citations, and what is not known here: never stored, so not put together.
            self.lossy = True

    def _end(self, event: Mapping[str, Any]) -> None:
        delta = event.get("delta")
        if isinstance(delta, dict):
            self.message.update(delta)
        self.message.update({k: v for k, v in event.items() if k not in ("type", "delta", "usage")})
        usage = event.get("usage")
        self._count(usage)
        # A total without an end is a running one.
        told = isinstance(usage, dict) and isinstance(usage.get("output_tokens"), int)
        self.counted = self.counted or (told and self._has_stopped())

    def _has_stopped(self) -> bool:
        return self.message.get("stop_reason") is not None

    def _count(self, usage: object) -> None:
        """Totals replace what was told before; what is left out or null has not changed."""
        if isinstance(usage, dict):
            self.usage.update({name: value for name, value in usage.items() if value is not None})

    def reading(self) -> Reading:
        for index, pieces in self.pieces.items():
            if pieces:
                self.blocks[index]["text"] = "".join(pieces)
        content = [self.blocks[index] for index in sorted(self.blocks)]
        message = {**self.message, "content": content, "usage": self.usage}
        whole = self.done and self._has_stopped() and not self.failed
        storable = whole and not self.lossy and _is_storable(message) and reading.fits(message)
        return Reading(
            usage=_usage(self.usage),
            output_final=self.counted,
            model=reading.string(self.message.get("model")),
            service_tier=reading.speed_or_tier(self.usage),
            complete=whole,
            text_seen="".join(self.seen),
            storable=reading.encoded(message) if storable else None,
            failed=self.failed,
        )


def _spoken(block: Mapping[str, Any]) -> Iterator[str]:
    """What the provider counts as output of a block, or of the beginning of one."""
    for name in ("text", "thinking"):
        if isinstance(block.get(name), str):
            yield block[name]
    if block.get("type") in ("tool_use", "server_tool_use"):
        yield reading.string(block.get("name")) or ""
        if block.get("input"):
            yield (reading.encoded(block["input"]) or b"").decode()


def _is_storable(message: Mapping[str, Any]) -> bool:
    """An answer that ended by itself, with text and nothing else."""
    content = message.get("content")
    if message.get("stop_reason") != _NATURAL_STOP or not isinstance(content, list) or "error" in message:
        return False
    if not isinstance(message.get("usage"), dict):
        return False
    if any(message.get(name) for name in ("container", "diagnostics", "stop_details")):
        return False
    return all(map(_is_plain, content)) and any(block["text"] for block in content)


def _is_plain(block: object) -> bool:
    return (
        isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("text"), str)
        and not block.get("citations")
    )


def _usage(raw: object) -> Usage | None:
    """The provider counts plain, written and read input apart; `input` is their sum."""
    if not isinstance(raw, dict) or not any(isinstance(raw.get(n), int) for n in ("input_tokens", "output_tokens")):
        return None
    lifetimes = raw.get("cache_creation")
    hour, minutes = (reading.count(lifetimes, f"ephemeral_{life}_input_tokens") for life in ("1h", "5m"))
    written = max(reading.count(raw, "cache_creation_input_tokens"), hour + minutes)
    read = reading.count(raw, "cache_read_input_tokens")
    return Usage(
        input=reading.count(raw, "input_tokens") + written + read,
        output=reading.count(raw, "output_tokens"),
        cached_input=read,
        cache_write=written,
        cache_write_1h=hour,
        reasoning=reading.count(raw.get("output_tokens_details"), "thinking_tokens"),
    )
