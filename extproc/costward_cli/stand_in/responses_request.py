"""The request side of `/v1/responses`, put into the words of a chat request so that one set of answers serves both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from costward_cli.stand_in.chat import ApiError, ChatRequest

_TEXTS = frozenset({"input_text", "output_text", "text"})


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    chat: ChatRequest
    """With everything that the answer rests on, also what was said before in a stored conversation."""
    document: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...]
    """Input alone, with what was stored before it."""
    reasons: bool
    encrypted: bool
    """Reasoning comes back encrypted, for a client that keeps the conversation itself."""

    @property
    def stored(self) -> bool:
        return self.document.get("store") is not False


def parse(body: bytes, earlier: Mapping[str, tuple[Mapping[str, Any], ...]]) -> ResponsesRequest:
    """`earlier`: items of stored responses by id, their own output included. Raises ApiError."""
    document = _document(body)
    items = (*_earlier(document, earlier), *_items(document.get("input")))
    instructions = document.get("instructions")
    messages = [{"role": "system", "content": instructions}] if isinstance(instructions, str) else []
    tools = [t for t in document.get("tools") or [] if isinstance(t, dict) and t.get("type") == "function"]
    reasoning, include = document.get("reasoning"), document.get("include") or []
    chat = ChatRequest(
        model=document["model"],
        messages=[*messages, *(message for item in items for message in _messages(item))],
        stream=bool(document.get("stream")),
        include_usage=True,
        max_tokens=_limit(document.get("max_output_tokens")),
        choices=1,
        tools=tuple(str(tool.get("name", "")) for tool in tools),
        tools_text=orjson.dumps(tools).decode() if tools else "",
        json_schema=_schema(document.get("text")),
    )
    reasons = isinstance(reasoning, dict) and reasoning.get("effort") not in (None, "none")
    return ResponsesRequest(chat, document, items, reasons, "reasoning.encrypted_content" in include)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(document, dict):
        raise ApiError(400, "The body of your request is not a JSON object.")
    if not isinstance(document.get("model"), str) or not document["model"]:
        raise ApiError(400, "Missing required parameter: 'model'.", param="model", code="missing_required_parameter")
    return document


def _earlier(
    document: Mapping[str, Any], stored: Mapping[str, tuple[Mapping[str, Any], ...]]
) -> Sequence[Mapping[str, Any]]:
    before = document.get("previous_response_id")
    if before is None:
        return ()
    if before not in stored:
        message = f"Previous response with id '{str(before)[:64]}' not found."
        raise ApiError(400, message, param="previous_response_id", code="previous_response_not_found")
    return stored[before]


def _items(given: object) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise ApiError(400, "Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    return given


def _messages(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    match item.get("type", "message"):
        case "message":
            return [{"role": str(item.get("role", "user")), "content": _content(item.get("content"))}]
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            return [{"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}]
        case "function_call_output":
            return [{"role": "tool", "content": item.get("output")}]
        case _:
            return []


def _content(content: object) -> Any:
    if not isinstance(content, list):
        return content
    texts = (p for p in content if isinstance(p, dict))
    return [{"type": "text", "text": p.get("text", "")} if p.get("type") in _TEXTS else p for p in texts]


def _schema(text: object) -> Mapping[str, Any] | None:
    wanted = text.get("format") if isinstance(text, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_object", "json_schema"):
        return None
    schema = wanted.get("schema")
    return schema if isinstance(schema, dict) else {}


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 16:
        message = "Invalid 'max_output_tokens': expected a value >= 16."
        raise ApiError(400, message, param="max_output_tokens", code="integer_below_min_value")
    return value
