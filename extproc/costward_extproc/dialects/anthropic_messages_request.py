"""Looking into an `anthropic.messages` request: its blocks, its caller, and what stands in the way of a cache.

A message's content is a string or a list of blocks, and so is the system prompt; blocks that are not known here are
kept and must match exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from costward_extproc.dialects import reading, volatile

_TOKENS_PER_MESSAGE = 4
"""Role and separators of one message; the provider does not publish its own figure."""

_TOKENS_WITH_TOOLS = 346
"""What the provider's own words about tools cost once there are any, by its page on tool use."""

_TOKENS_PER_IMAGE = 4_784
"""The most that a picture of any size costs on the models that see finest, by the provider's page on vision."""

_CHANGING_TOOLS = ("web_search", "web_fetch", "code_execution", "mcp")
"""Tools that the provider runs itself, by the beginning of their types: what they bring changes by itself. Tools that
only the client runs (bash, text editor, memory) change nothing without a further turn."""

_LONGEST_IDENTITY = 1_024
"""Characters, five times the longest that a known client sends; a longer text is no identity."""


def last_user_text(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """None unless the last message is the user's with exactly one text in it."""
    last = messages[-1]
    if last.get("role") != "user":
        return None
    content = last.get("content")
    if isinstance(content, str):
        return content or None
    found = [block.get("text") for block in reading.dicts(content) if block.get("type") == "text"]
    return (reading.string(found[0]) or None) if len(found) == 1 else None


def without_text(message: dict[str, Any]) -> dict[str, Any]:
    """Whatever is no text block stays, also what is no block at all: it must match exactly."""
    content = message.get("content")
    if not isinstance(content, list):
        return {**message, "content": ""}
    return {
        **message,
        "content": [
            {**block, "text": ""} if isinstance(block, dict) and block.get("type") == "text" else block
            for block in content
        ],
    }


def unmarked(holder: Any) -> Any:
    """A message, block or tool without its cache marks, which say where the provider may reuse its work and not what
    to answer. Only where the API has such marks: an argument of the same name in a tool's schema stays."""
    if not isinstance(holder, dict):
        return holder
    plain = {name: value for name, value in holder.items() if name != "cache_control"}
    if isinstance(plain.get("content"), list):
        plain["content"] = unmarked_list(plain["content"])
    source = plain.get("source")
    if isinstance(source, dict) and isinstance(source.get("content"), list):
        plain["source"] = {**source, "content": unmarked_list(source["content"])}
    return plain


def unmarked_list(holders: Any) -> Any:
    return [unmarked(holder) for holder in holders] if isinstance(holders, list) else holders


def lasting(system: Any) -> Any:
    """A system prompt without cache marks and the lines that change no answer."""
    return volatile.lasting(unmarked_list(system))


def undated(system: Any) -> Any:
    """The same without the day either."""
    return volatile.undated(unmarked_list(system))


def caller(metadata: object) -> tuple[str | None, str | None]:
    """(user, session) as the body names them. Claude Code puts both into `metadata.user_id`: as JSON, earlier as
    `user_…_account_…_session_…`. Anything else is a user."""
    named = reading.string(metadata.get("user_id")) if isinstance(metadata, dict) else None
    if not named or len(named) > _LONGEST_IDENTITY:
        return None, None
    if named.startswith("{"):
        parts = reading.object_of(named.encode("utf-8", "replace")) or {}
        user = reading.string(parts.get("account_uuid")) or reading.string(parts.get("device_id"))
        return user or None, reading.string(parts.get("session_id")) or None
    user, separator, session = named.rpartition("_session_")
    if separator and user.startswith("user_") and session:
        return user, session
    return named, None


def keeps_prompt(body: bytes) -> Literal["minutes", "hour"] | None:
    """By the bytes alone: it is the worst case that counts, and a look at every block would take longer."""
    if b'"cache_control"' not in body:
        return None
    return "hour" if b'"1h"' in body else "minutes"


def is_tool_turn(message: Mapping[str, Any]) -> bool:
    return any(
        str(block.get("type", "")).endswith(("tool_use", "tool_result"))
        for block in reading.dicts(message.get("content"))
    )


def pinned(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Signed thinking is good for the model that thought it: another one refuses the request."""
    for message in messages:
        for block in reading.dicts(message.get("content")):
            kind = block.get("type")
            if kind == "redacted_thinking" or (kind == "thinking" and block.get("signature")):
                return "signed-thinking"
    return None


def uncacheable(document: Mapping[str, Any], text: str | None) -> str | None:
    if text is None:
        return "no-user-text"
    if not reading.is_encodable(text):
        return "lone-surrogate"
    if not isinstance(document.get("stream"), bool | None):
        # Some servers read 1 as true: whether a hit must be streamed cannot be told.
        return "odd-stream"
    if document.get("mcp_servers") or document.get("container") or any(map(_changes, _tools(document))):
        return "changing-answer"
    if document.get("diagnostics"):
        # The answer speaks of the caller's own previous request.
        return "diagnostics"
    return None


def _tools(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return reading.dicts(document.get("tools"))


def _changes(tool: Mapping[str, Any]) -> bool:
    return str(tool.get("type") or "").startswith(_CHANGING_TOOLS)


def texts(document: Mapping[str, Any]) -> Iterator[str]:
    """All text that counts as input."""
    yield from _texts(document.get("system"))
    for message in document["messages"]:
        yield from _texts(message.get("content"))
    for name in ("tools", "output_config", "output_format"):
        if document.get(name):
            yield reading.spoken(document[name])


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for block in reading.dicts(content):
        for said in (block.get("text"), block.get("thinking"), block.get("title"), block.get("context")):
            if isinstance(said, str):
                yield said
        if block.get("type") in ("tool_use", "server_tool_use"):
            yield reading.spoken([block.get("name"), block.get("input")])
        yield from _texts(block.get("content"))
        source = block.get("source")
        if isinstance(source, dict) and source.get("type") in ("text", "content"):
            yield from _texts(source.get("data"))
            yield from _texts(source.get("content"))


def flat_tokens(document: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> int:
    """Input tokens that no text shows."""
    tokens = _TOKENS_PER_MESSAGE * len(messages) + (_TOKENS_WITH_TOOLS if document.get("tools") else 0)
    return tokens + sum(_seen(message.get("content")) for message in messages)


def _seen(content: object) -> int:
    """Tokens of the pictures and pages in a list of blocks, also inside tool results."""
    tokens = 0
    for block in reading.dicts(content):
        if block.get("type") == "image":
            tokens += _TOKENS_PER_IMAGE
        elif block.get("type") == "document":
            tokens += _pages(block.get("source"))
        tokens += _seen(block.get("content"))
    return tokens


def _pages(source: object) -> int:
    """Tokens of a document that is not spelled out in the request, of a page at least."""
    if not isinstance(source, dict) or source.get("type") in ("text", "content"):
        return 0
    return reading.file_tokens(source.get("data"))
