"""The dialect `openai.chat`: POST /v1/chat/completions.

Source of the format: the OpenAI API reference and its OpenAPI document, `CreateChatCompletionRequest` and
`CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from costward_extproc.core import sse
from costward_extproc.dialects import openai_chat_answer, openai_chat_render, reading, strict_json, volatile
from costward_extproc.dialects.base import Asked, Reading, Rendered
from costward_extproc.dialects.strict_json import Unreadable

_NOT_CONTEXT = frozenset(
    {
        "stream",
        "stream_options",
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
    }
)
"""Members that cannot change what the answer says. Whatever is not listed here, known or not, must match exactly."""

_TOKENS_PER_MESSAGE = 4
"""Role and separators of one message in OpenAI's chat framing (three, and a name's one)."""
_TOKENS_PER_IMAGE = 1_105
"""A 2,048 by 4,096 picture at high detail by the provider's tiling rule, the dearest that the rule allows."""


_MOST_CHOICES = 128
"""What the API accepts for `n`."""


class OpenAIChat:
    """Implements `Dialect`."""

    name = "openai.chat"

    def read_request(self, body: bytes, model: str | None = None) -> Asked:
        document = strict_json.loads(body)
        named, messages = model or document.get("model"), reading.conversation(document.get("messages"))
        if not isinstance(named, str) or not named or not messages or not reading.is_encodable(named):
            raise Unreadable("not-chat")
        text = _last_user_text(messages)
        tools = document.get("tools") or document.get("functions") or []
        options = document.get("stream_options")
        return Asked(
            body=body,
            document=document,
            model=named,
            stream=document.get("stream") is True,
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
            last_user_text=text,
            agent_turn=bool(tools) or any(_is_tool_turn(message) for message in messages),
            max_output=reading.output_limit(document.get("max_completion_tokens"))
            or reading.output_limit(document.get("max_tokens")),
            choices=min(reading.positive(document.get("n")) or 1, _MOST_CHOICES),
            messages=len(messages),
            tools=len(tools) if isinstance(tools, list) else 0,
            flat_tokens=3 + _TOKENS_PER_MESSAGE * len(messages) + _shown(messages),
            uncacheable="large-body" if len(body) > reading.LARGE_BYTES else _uncacheable(document, text),
            pinned="model-in-path" if model else None,
            user=reading.string(document.get("safety_identifier")) or reading.string(document.get("user")),
            service_tier=reading.service_tier(document.get("service_tier")) or "",
        )

    def prompt_text(self, asked: Asked) -> str:
        texts = [text for message in asked.document["messages"] for text in _texts(message)]
        schemas = (asked.document.get(name) for name in ("tools", "functions", "response_format"))
        texts.extend(reading.spoken(schema) for schema in schemas if schema)
        return "\n".join(texts)

    def context(self, asked: Asked) -> bytes:
        document = {name: value for name, value in asked.document.items() if name not in _NOT_CONTEXT}
        *earlier, last = document["messages"]
        earlier = [_without_lines(message, volatile.lasting) for message in earlier]
        document["messages"] = [*earlier, _without_text(last)]
        return reading.dump(document).encode()

    def opening(self, asked: Asked) -> bytes:
        opening = []
        for message in asked.document["messages"]:
            opening.append(_without_lines(message, volatile.undated))
            if message.get("role") == "user":
                break
        return reading.dump(opening).encode()

    def rewrite(self, asked: Asked, model: str | None, ask_usage: bool) -> bytes:
        body = asked.body
        if model is not None:
            body = strict_json.put_model(body, asked.document, model)
        if ask_usage:
            body = _ask_for_usage(body, asked.document)
        return body

    def take_out_usage(self, held: bytes, chunk: bytes, end: bool) -> tuple[bytes, bytes]:
        events, rest = sse.cut(held + chunk)
        kept = b"".join(map(openai_chat_answer.without_usage, events))
        if end:
            return kept + openai_chat_answer.without_usage(rest), b""
        before, rest = openai_chat_answer.after_line_ends(rest)
        if openai_chat_answer.may_become_usage_chunk(rest):
            return kept + before, rest
        return kept + before + rest, b""

    def read_answer(self, body: bytes, streamed: bool, asked: Asked | None) -> Reading:
        if streamed:
            return openai_chat_answer.read_stream(body)
        return openai_chat_answer.read_whole(body)

    def render_answer(self, answer: bytes, asked: Asked, id: str, created: int) -> Rendered:
        return openai_chat_render.answer(answer, asked.stream, asked.include_usage, f"chatcmpl-{id}", created)

    def render_text(self, text: str, asked: Asked, id: str, created: int) -> Rendered:
        completion = openai_chat_render.completion_of(text, asked.model)
        return openai_chat_render.answer(completion, asked.stream, asked.include_usage, f"chatcmpl-{id}", created)

    def render_error(self, message: str, type: str, code: str, details: Mapping[str, object], id: str = "") -> Rendered:
        error = {"message": message, "type": type, "param": None, "code": code, "details": dict(details)}
        return Rendered("application/json", json.dumps({"error": error}).encode())


def _last_user_text(messages: Sequence[Mapping[str, Any]]) -> str | None:
    last = messages[-1]
    if last.get("role") != "user":
        return None
    content = last.get("content")
    if isinstance(content, str):
        return content or None
    texts = [part for part in _parts(content) if part.get("type") == "text"]
    if len(texts) != 1 or not isinstance(texts[0].get("text"), str):
        return None
    return texts[0]["text"] or None


def _without_lines(message: Mapping[str, Any], take_out: Callable[[Any], Any]) -> Mapping[str, Any]:
    if message.get("role") not in ("system", "developer"):
        return message
    return {**message, "content": take_out(message.get("content"))}


def _without_text(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": ""}
    if not isinstance(content, list):
        return dict(message)
    return {**message, "content": [_without_its_text(part) for part in content]}


def _without_its_text(part: object) -> object:
    """Whatever is no text part stays, also what is no part at all: it must match exactly."""
    return {**part, "text": ""} if isinstance(part, dict) and part.get("type") == "text" else part


def _parts(content: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    yield from (part["text"] for part in _parts(content) if isinstance(part.get("text"), str))
    if message.get("tool_calls"):
        yield reading.spoken(message["tool_calls"])


def _shown(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of pictures, files and sounds."""
    return sum(_shown_in(part) for message in messages for part in _parts(message.get("content")))


def _shown_in(part: Mapping[str, Any]) -> int:
    kind = part.get("type")
    if kind == "image_url":
        return _TOKENS_PER_IMAGE
    held = part.get(kind) if isinstance(kind, str) and kind in ("file", "input_audio") else None
    if not isinstance(held, dict):
        return 0
    return reading.file_tokens(held.get("file_data" if kind == "file" else "data"))


def _is_tool_turn(message: Mapping[str, Any]) -> bool:
    return message.get("role") in ("tool", "function") or bool(message.get("tool_calls"))


def _uncacheable(document: Mapping[str, Any], text: str | None) -> str | None:
    if text is None:
        return "no-user-text"
    if not reading.is_encodable(text):
        return "lone-surrogate"
    if (reading.positive(document.get("n")) or 1) > 1:
        return "several-choices"
    if document.get("logprobs"):
        return "logprobs"
    if not isinstance(document.get("stream"), bool | None):
        # Some servers read 1 as true: whether a hit must be streamed cannot be told.
        return "odd-stream"
    if document.get("audio") or document.get("web_search_options") is not None:
        return "changing-answer"
    return None


def _ask_for_usage(body: bytes, document: Mapping[str, Any]) -> bytes:
    options = document.get("stream_options")
    if options is None:
        return strict_json.put_member(body, document, "stream_options", b'{"include_usage":true}')
    if not isinstance(options, dict):
        # The provider will refuse it: that answer is the caller's.
        return body
    start, end = strict_json.member_span(body, "stream_options")
    asking = strict_json.put_member(body[start:end], options, "include_usage", b"true")
    return strict_json.splice(body, (start, end), asking)
