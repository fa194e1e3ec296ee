"""Reading `openai.chat` answers: usage, finish, and whether an answer is whole enough to be kept.

Source of the format: the OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costward_extproc.core import sse
from costward_extproc.core.money import Usage
from costward_extproc.dialects import reading
from costward_extproc.dialects.base import Reading

_NATURAL_FINISH = "stop"
_LONGEST_USAGE_EVENT = 16 * 1024
"""Bytes, thirty times a usage chunk with all its details. A longer event flows on: holding it back could take any
amount of memory, and of the caller's time."""

_FIELDS = (b"data:", b"event:", b"id:", b"retry:")
"""What the first line of an event begins with. A comment begins with a colon, as does the rest of many a JSON that was
cut: it stands alone, so it flows."""

_SPOKEN = ("content", "reasoning_content", "reasoning", "refusal")
"""Members of a message that the provider counts as output, beside the tool calls."""


def is_usage_chunk(event: bytes) -> bool:
    """The extra chunk that `include_usage` brings: usage, and no choices."""
    if b'"usage"' not in event or b'"delta"' in event or len(event) > _LONGEST_USAGE_EVENT:
        return False
    chunk = reading.object_of(sse.data_of(event))
    return chunk is not None and chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def without_usage(event: bytes) -> bytes:
    """The event, or what stays of it if it is the usage chunk: line ends before it, which belong to the event that
    went before."""
    return after_line_ends(event)[0] if is_usage_chunk(event) else event


def after_line_ends(event: bytes) -> tuple[bytes, bytes]:
    """(line ends at its beginning, the rest)."""
    rest = event.lstrip(b"\r\n")
    return event[: len(event) - len(rest)], rest


def may_become_usage_chunk(rest: bytes) -> bool:
    """Whether an incomplete event could still turn out to be the usage chunk. One that already shows a choice cannot,
    nor one that says something else and only lacks its blank line: an answer that ends with trailers has no last chunk
    to give back what is held, so no more is held than must be."""
    if not 0 < len(rest) <= _LONGEST_USAGE_EVENT or b'"delta"' in rest or rest.startswith(b"data: ["):
        return False
    return _begins_event(rest) and (not _is_said(rest) or is_usage_chunk(rest))


def _begins_event(rest: bytes) -> bool:
    """False for the middle of an event whose beginning has flowed on."""
    return any(rest.startswith(field) or field.startswith(rest) for field in _FIELDS)


def _is_said(rest: bytes) -> bool:
    """Whether an event has all of its data, which for every event of this dialect is one JSON object."""
    return rest.rstrip().endswith(b"}") and reading.object_of(sse.data_of(rest)) is not None


def read_whole(body: bytes) -> Reading:
    """A non-stream answer."""
    document = reading.object_of(body)
    if document is None:
        return Reading()
    if "error" in document and "choices" not in document:
        return Reading(failed=True, usage=_usage(document.get("usage")))
    choices = reading.dicts(document.get("choices"))
    messages = [choice.get("message") or {} for choice in choices]
    return Reading(
        usage=_usage(document.get("usage")),
        model=reading.string(document.get("model")),
        service_tier=reading.service_tier(document.get("service_tier")),
        complete=bool(choices),
        text_seen="".join(text for message in reading.dicts(messages) for text in _spoken(message)),
        storable=body if _is_storable(document, choices) and reading.fits(document) else None,
    )


def read_stream(body: bytes) -> Reading:
    """A stream, whole or cut anywhere."""
    answer = _Assembly()
    for data in sse.data_in(body):
        if data == b"[DONE]":
            answer.done = True
        elif (chunk := reading.object_of(data)) is not None:
            answer.add(chunk)
    return answer.reading()


_NOT_HEAD = frozenset({"object", "choices", "usage", "error", "obfuscation"})
"""Members of a chunk that are its own; all others, known or not, belong to the whole answer."""


class _Assembly:
    """Chunks put together into the completion that the provider would have sent without `stream`."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.choices: dict[int, dict[str, Any]] = {}
        self.seen: dict[int, list[str]] = {}
        self.later: dict[tuple[int, str], list[str]] = {}
        self.usage: Usage | None = None
        self.raw_usage: object = None
        self.done = self.failed = self.lossy = False

    def add(self, chunk: Mapping[str, Any]) -> None:
        if chunk.get("error") is not None and not chunk.get("choices"):
            self.failed = True
            return
        if (usage := _usage(chunk.get("usage"))) is not None:
            self.usage, self.raw_usage = usage, chunk["usage"]
        for name, value in chunk.items():
            if name not in _NOT_HEAD and value is not None:
                self.head.setdefault(name, value)
        for part in reading.dicts(chunk.get("choices")):
            self._add_choice(part)

    def _add_choice(self, part: Mapping[str, Any]) -> None:
        index = part.get("index")
        index = index if isinstance(index, int) else 0
        choice = self.choices.setdefault(
            index, {"index": index, "message": {}, "logprobs": None, "finish_reason": None}
        )
        if part.get("finish_reason") is not None:
            choice["finish_reason"] = part["finish_reason"]
        if part.get("logprobs") is not None:
            self.lossy = True
        delta = part.get("delta")
        if isinstance(delta, dict):
            self.seen.setdefault(index, []).extend(_spoken(delta))
            self._add_delta(index, choice["message"], delta)

    def _add_delta(self, index: int, message: dict[str, Any], delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            known = message.get(name)
            if value is None:
                message.setdefault(name, None)
            elif name == "role" or known is None:
                message[name] = value
            elif isinstance(known, str) and isinstance(value, str):
                # Joined once, at the end: adding to a long text with every chunk would be quadratic.
                self.later.setdefault((index, name), []).append(value)
            elif not (reading.fits(value) and reading.fits(known)) or value != known:
                # Tool calls and whatever comes as more than text: not put together, so never stored.
                self.lossy = True

    def _joined(self) -> list[dict[str, Any]]:
        for (index, name), pieces in self.later.items():
            message = self.choices[index]["message"]
            message[name] = "".join([message[name], *pieces])
        self.later.clear()
        return [self.choices[index] for index in sorted(self.choices)]

    def reading(self) -> Reading:
        choices = self._joined()
        document = {
            "object": "chat.completion",
            **self.head,
            "choices": choices,
            "usage": self.raw_usage,
        }
        storable = self.done and not self.failed and not self.lossy and _is_storable(document, choices)
        return Reading(
            usage=self.usage,
            model=reading.string(self.head.get("model")),
            service_tier=reading.service_tier(self.head.get("service_tier")),
            complete=self.done and bool(choices) and not self.failed,
            text_seen="".join(text for index in sorted(self.seen) for text in self.seen[index]),
            storable=reading.encoded(document) if storable and reading.fits(document) else None,
            failed=self.failed,
        )


def _spoken(message: Mapping[str, Any]) -> Iterator[str]:
    """What the provider counts as output of a message or of a piece of one."""
    calls = [call.get("function") for call in reading.dicts(message.get("tool_calls"))]
    functions = reading.dicts([*calls, message.get("function_call")])
    said = [message.get(name) for name in _SPOKEN]
    said += [function.get(name) for function in functions for name in ("name", "arguments")]
    yield from (text for text in said if isinstance(text, str))


def _is_storable(document: Mapping[str, Any], choices: list[dict[str, Any]]) -> bool:
    """One choice that ended by itself with text and nothing else. `choices` leaves out what is none, and then is
    another list than the document's."""
    if (
        len(choices) != 1
        or document.get("choices") != choices
        or choices[0].get("finish_reason") != _NATURAL_FINISH
        or "error" in document
    ):
        return False
    message = choices[0].get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), str) or not message["content"]:
        return False
    odd = ("tool_calls", "function_call", "refusal", "audio")
    return choices[0].get("logprobs") is None and not any(message.get(name) for name in odd)


def _usage(raw: object) -> Usage | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("prompt_tokens"), int):
        return None
    prompt, completion = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    return Usage(
        input=reading.count(raw, "prompt_tokens"),
        output=reading.count(raw, "completion_tokens"),
        cached_input=reading.count(prompt, "cached_tokens"),
        cache_write=reading.count(prompt, "cache_write_tokens"),
        reasoning=reading.count(completion, "reasoning_tokens"),
    )
