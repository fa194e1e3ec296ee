"""The request side of `/v1/messages`: what was asked, or Anthropic's words for what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from costward_cli.stand_in.chat import ApiError, ChatRequest

_STAMP = "x-anthropic-billing-header:"
"""A block of the system prompt that begins so is the client's to the provider, and not read by the model."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the prompt that a prompt cache may end behind."""

    text: str
    lifetime: str | None = None
    """`5m` or `1h` where a cache mark stands on it."""


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    chat: ChatRequest
    """The same question as a chat, without cache marks: they change no answer."""
    thinks: bool
    segments: tuple[Segment, ...]
    """The whole prompt in the provider's order: tools, system, messages."""


def parse(body: bytes, *, counting: bool = False) -> MessagesRequest:
    """`counting`: a request to count tokens, which needs no limit. Raises ApiError."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(400, "The request body is not valid JSON.") from None
    if not isinstance(asked, dict):
        raise ApiError(400, "The request body is not a JSON object.")
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "model: Field required")
    limit = asked.get("max_tokens")
    if not counting and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise ApiError(400, "max_tokens: Field required")
    messages = _messages(asked.get("messages"))
    system = [block for block in _blocks(asked.get("system")) if not str(block.get("text", "")).startswith(_STAMP)]
    spoken = ([{"role": "system", "content": _plain(system)}] if system else []) + [
        {**message, "content": _plain(message["content"])} for message in messages
    ]
    tools = _tools(asked)
    thinking = asked.get("thinking")
    return MessagesRequest(
        chat=ChatRequest(
            model=model,
            messages=spoken,
            stream=asked.get("stream") is True,
            include_usage=False,
            max_tokens=limit or None,
            choices=1,
            tools=tuple(str(tool.get("name", "")) for tool in tools),
            tools_text="",
            json_schema=_json_schema(asked.get("output_config") or {"format": asked.get("output_format")}),
        ),
        thinks=isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive"),
        segments=tuple(_segments(asked, system, messages)),
    )


def _messages(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise ApiError(400, "messages: Field required")
    for number, message in enumerate(value):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            raise ApiError(400, f"messages.{number}.role: Input should be 'user', 'assistant' or 'system'")
        if not isinstance(message.get("content"), str | list) or not message["content"]:
            raise ApiError(400, f"messages.{number}: content must not be empty")
    return value


def _tools(asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choice, tools = asked.get("tool_choice"), asked.get("tools")
    if not isinstance(tools, list) or (isinstance(choice, dict) and choice.get("type") == "none"):
        return []
    return [tool for tool in tools if isinstance(tool, dict)]


def _json_schema(config: object) -> Mapping[str, Any] | None:
    """Of `output_config`, or of the beta's `output_format`, which clients still send."""
    wanted = config.get("format") if isinstance(config, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    schema = wanted.get("schema")
    return schema if isinstance(schema, dict) else {}


def _blocks(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _plain(content: object) -> Any:
    """Without cache marks, wherever blocks stand in blocks."""
    if isinstance(content, str):
        return content
    return [
        {
            name: _plain(value) if name == "content" else value
            for name, value in block.items()
            if name != "cache_control"
        }
        for block in _blocks(content)
    ]


def _segments(
    asked: Mapping[str, Any], system: list[dict[str, Any]], messages: list[dict[str, Any]]
) -> Iterator[Segment]:
    parts: list[tuple[str, dict[str, Any]]] = [("tool", tool) for tool in asked.get("tools") or []]
    parts += [("system", block) for block in system]
    parts += [(message["role"], block) for message in messages for block in _blocks(message["content"])]
    for number, (role, part) in enumerate(parts):
        mark = part.get("cache_control")
        if number == len(parts) - 1:
            mark = mark or asked.get("cache_control")
        lifetime = str(mark.get("ttl", "5m")) if isinstance(mark, dict) else None
        yield Segment(f"{role}\n{_counted(part)}", lifetime)


def _counted(part: Mapping[str, Any]) -> str:
    """What of it is read as text; a picture is its name alone, since it is not counted by its bytes."""
    if part.get("type") in ("image", "document"):
        return str(part.get("type"))
    if isinstance(part.get("text"), str):
        return str(part["text"])
    plain = {name: value for name, value in part.items() if name not in ("cache_control", "signature")}
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()
