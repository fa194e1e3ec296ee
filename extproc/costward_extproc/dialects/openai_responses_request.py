"""Reading what an `openai.responses` request asks for: its items, its texts, and what keeps it from being reused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from costward_extproc.dialects import reading

_TOKENS_PER_ITEM = 4
"""As a message of chat: role and separators."""

_TOKENS_PER_IMAGE = 1_105
"""A 2,048 by 4,096 picture at high detail by the provider's tiling rule, the dearest that the rule allows."""

_CIPHER_BYTES_PER_TOKEN = 6
"""Of encrypted reasoning: four letters of base64 are three bytes, and English text has about four bytes a token."""

_PICTURES = ("input_image", "computer_screenshot")

_STILL = frozenset({"function", "custom"})
"""Tools that the caller runs. All others are the provider's own, and look at a world that changes."""

_PLAIN_ITEMS = frozenset({None, "message", "reasoning", "item_reference"})
"""Items that are no tool's."""

_TEXT_MEMBERS = ("text", "name", "arguments", "output", "input", "code", "refusal", "transcript")
"""Members of items and of their parts that the provider counts as text."""


def items_of(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The input as items, a plain text being one message; None where it is neither."""
    given = document.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is None:
        # A stored prompt or conversation may be all that is asked.
        return [] if any(document.get(name) for name in ("prompt", "conversation", "previous_response_id")) else None
    return reading.conversation(given) or None


def last_user_text(items: Sequence[Mapping[str, Any]]) -> str | None:
    last = items[-1] if items else {}
    if last.get("role") != "user" or last.get("type", "message") != "message":
        return None
    content = last.get("content")
    if isinstance(content, str):
        return content or None
    texts = [part for part in reading.dicts(content) if part.get("type") == "input_text"]
    if len(texts) != 1:
        return None
    return reading.string(texts[0].get("text")) or None


def without_text(item: Mapping[str, Any]) -> dict[str, Any]:
    """The last item without its text; whatever else is in it stays, also what is no part: it must match exactly."""
    content = item.get("content")
    if isinstance(content, str):
        return {**item, "content": ""}
    parts = content if isinstance(content, list) else []
    return {**item, "content": [_without_its_text(part) for part in parts]}


def _without_its_text(part: object) -> object:
    return {**part, "text": ""} if isinstance(part, dict) and part.get("type") == "input_text" else part


def without_lines(item: Mapping[str, Any], take_out: Callable[[Any], Any]) -> Mapping[str, Any]:
    """An item without the lines that coding agents write anew each time."""
    if item.get("role") not in ("system", "developer"):
        return item
    return {**item, "content": take_out(item.get("content"))}


def is_tool_turn(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    return not (isinstance(kind, str | None) and kind in _PLAIN_ITEMS)


def texts(document: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All that the provider counts as input, as far as it is in the request."""
    if isinstance(document.get("instructions"), str):
        yield document["instructions"]
    for item in items:
        yield from _texts(item)
    for schema in (document.get("tools"), document.get("text")):
        if schema:
            yield reading.spoken(schema)


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    content = item.get("content")
    if isinstance(content, str):
        yield content
    for part in (
        item,
        *reading.dicts(content),
        *reading.dicts(item.get("summary")),
        *reading.dicts(item.get("output")),
    ):
        yield from (part[name] for name in _TEXT_MEMBERS if isinstance(part.get(name), str))


def flat_tokens(items: Sequence[Mapping[str, Any]]) -> int:
    """Input tokens that no text shows: framing, pictures, files, encrypted reasoning."""
    parts = [part for item in items for part in _parts(item)]
    images = len([part for part in parts if part.get("type") in _PICTURES])
    files = sum(reading.file_tokens(part.get("file_data")) for part in parts if part.get("type") == "input_file")
    ciphers = (reading.string(item.get("encrypted_content")) or "" for item in items)
    hidden = sum(len(cipher) // _CIPHER_BYTES_PER_TOKEN for cipher in ciphers)
    return 3 + _TOKENS_PER_ITEM * len(items) + _TOKENS_PER_IMAGE * images + files + hidden


def _parts(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A screenshot comes as an output by itself, not in a list."""
    output = item.get("output")
    return [*reading.dicts(item.get("content")), *reading.dicts([output] if isinstance(output, dict) else output)]


def pinned(document: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str | None:
    """What was said by one model may not be readable to another, and what is stored cannot be looked at here."""
    if _goes_on(document, items):
        return "previous-response"
    if any(item.get("type") == "reasoning" for item in items):
        return "reasoning-items"
    return None


def _goes_on(document: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> bool:
    """Part of what is asked is stored by the provider."""
    stored = document.get("previous_response_id") or document.get("conversation")
    return bool(stored) or any(item.get("type") == "item_reference" for item in items)


def session(document: Mapping[str, Any]) -> str | None:
    """The stored conversation's id, given plainly or in an object."""
    given = document.get("conversation")
    return reading.string(given.get("id")) if isinstance(given, dict) else reading.string(given)


def uncacheable(document: Mapping[str, Any], items: Sequence[Mapping[str, Any]], text: str | None) -> str | None:
    if _goes_on(document, items) or document.get("store") is True or document.get("background"):
        return "stored-conversation"
    if text is None:
        return "no-user-text"
    if not reading.is_encodable(text):
        return "lone-surrogate"
    if not isinstance(document.get("stream"), bool | None):
        # Some servers read 1 as true: whether a hit must be streamed cannot be told.
        return "odd-stream"
    if document.get("top_logprobs") or _asks_for_logprobs(document):
        return "logprobs"
    return "changing-answer" if _changes(document) else None


def _asks_for_logprobs(document: Mapping[str, Any]) -> bool:
    wanted = document.get("include")
    return isinstance(wanted, list) and "message.output_text.logprobs" in wanted


def _changes(document: Mapping[str, Any]) -> bool:
    """A stored prompt may be edited meanwhile, and the provider's own tools look at a world that changes."""
    tools = document.get("tools") or []
    kinds = [tool.get("type") for tool in reading.dicts(tools)]
    odd = not isinstance(tools, list) or len(kinds) != len(tools)
    return odd or bool(document.get("prompt")) or not all(isinstance(kind, str) and kind in _STILL for kind in kinds)
