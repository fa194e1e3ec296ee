"""The request side of `/v1/chat/completions`: what was asked, or OpenAI's words for what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

MAX_CHOICES = 128
"""OpenAI's own bound on `n`."""


class ApiError(Exception):
    """An error in the shape that OpenAI's SDKs read."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    @property
    def body(self) -> bytes:
        return orjson.dumps({"error": self.error})


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool
    include_usage: bool
    max_tokens: int | None
    choices: int
    tools: tuple[str, ...]
    """Names of the functions that may be called."""
    tools_text: str
    """The tools as they count for the prompt."""
    json_schema: Mapping[str, Any] | None
    """None: plain text; empty: any JSON object."""

    @property
    def last_user(self) -> Mapping[str, Any] | None:
        return next((m for m in reversed(self.messages) if m.get("role") == "user"), None)


def parse(body: bytes) -> ChatRequest:
    """Raises ApiError."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(asked, dict):
        raise ApiError(400, "The body of your request is not a JSON object.")
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "you must provide a model parameter", param="model")
    options = asked.get("stream_options") or {}
    if options and not asked.get("stream"):
        raise ApiError(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    tools = _functions(asked)
    return ChatRequest(
        model=model,
        messages=_messages(asked.get("messages")),
        stream=bool(asked.get("stream")),
        include_usage=bool(isinstance(options, dict) and options.get("include_usage")),
        max_tokens=_count(asked, "max_completion_tokens") or _count(asked, "max_tokens"),
        choices=_count(asked, "n", most=MAX_CHOICES) or 1,
        tools=tuple(str(tool.get("name", "")) for tool in tools),
        tools_text=orjson.dumps(tools).decode() if tools else "",
        json_schema=_json_schema(asked.get("response_format")),
    )


def text_of(message: Mapping[str, Any]) -> str:
    """The text parts of a message's content, joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "text")


def attachments_of(message: Mapping[str, Any]) -> list[Any]:
    """The parts that are not text: images, files, audio."""
    content = message.get("content")
    return (
        [p for p in content if not isinstance(p, dict) or p.get("type") != "text"] if isinstance(content, list) else []
    )


def _messages(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise ApiError(
            400, "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    for number, message in enumerate(value):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ApiError(
                400, f"'messages[{number}]' must have a role.", param=f"messages[{number}]", code="invalid_type"
            )
    return value


def _functions(asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = asked.get("tools")
    if not isinstance(tools, list) or asked.get("tool_choice") == "none":
        return []
    return [t["function"] for t in tools if isinstance(t, dict) and isinstance(t.get("function"), dict)]


def _json_schema(response_format: object) -> Mapping[str, Any] | None:
    if not isinstance(response_format, dict) or response_format.get("type") not in ("json_object", "json_schema"):
        return None
    named = response_format.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else {}


def _count(asked: Mapping[str, Any], name: str, most: int = 2**31) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ApiError(
            400, f"Invalid '{name}': expected an integer from 1 to {most}.", param=name, code="invalid_value"
        )
    return value
