"""The dialect `anthropic.messages`: POST /v1/messages.

Source of the format: the Anthropic API reference, "Create a Message" and "Streaming messages", and the types of its
official Python SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costward_extproc.dialects import (
    anthropic_messages_answer,
    anthropic_messages_render,
    anthropic_messages_request,
    reading,
    strict_json,
)
from costward_extproc.dialects.base import Asked, Reading, Rendered, TellsUsage
from costward_extproc.dialects.strict_json import Unreadable

_NOT_CONTEXT = frozenset({"stream", "metadata", "service_tier", "cache_control"})
"""Members that cannot change what the answer says. Whatever is not listed here, known or not, must match exactly."""


class AnthropicMessages(TellsUsage):
    """Implements `Dialect`."""

    name = "anthropic.messages"

    def read_request(self, body: bytes, model: str | None = None) -> Asked:
        document = strict_json.loads(body)
        named, messages = model or document.get("model"), reading.conversation(document.get("messages"))
        if not isinstance(named, str) or not named or not messages or not reading.is_encodable(named):
            raise Unreadable("not-messages")
        request = anthropic_messages_request
        text = request.last_user_text(messages)
        tools = reading.dicts(document.get("tools"))
        user, session = request.caller(document.get("metadata"))
        return Asked(
            body=body,
            document=document,
            model=named,
            stream=document.get("stream") is True,
            include_usage=True,
            last_user_text=text,
            agent_turn=bool(tools) or any(map(request.is_tool_turn, messages)),
            max_output=reading.output_limit(document.get("max_tokens")),
            choices=1,
            messages=len(messages),
            tools=len(tools),
            flat_tokens=request.flat_tokens(document, messages),
            uncacheable="large-body" if len(body) > reading.LARGE_BYTES else request.uncacheable(document, text),
            pinned="model-in-path" if model else request.pinned(messages),
            user=user,
            session=session,
            keeps_prompt=request.keeps_prompt(body),
            service_tier=reading.speed_or_tier(document) or "",
        )

    def prompt_text(self, asked: Asked) -> str:
        return "\n".join(anthropic_messages_request.texts(asked.document))

    def context(self, asked: Asked) -> bytes:
        document = {name: value for name, value in asked.document.items() if name not in _NOT_CONTEXT}
        *earlier, last = map(anthropic_messages_request.unmarked, document["messages"])
        document["messages"] = [*earlier, anthropic_messages_request.without_text(last)]
        if document.get("tools"):
            document["tools"] = anthropic_messages_request.unmarked_list(document["tools"])
        if "system" in document:
            document["system"] = anthropic_messages_request.lasting(document["system"])
        return reading.dump(document).encode()

    def opening(self, asked: Asked) -> bytes:
        opening: list[Any] = [anthropic_messages_request.undated(asked.document.get("system"))]
        for message in asked.document["messages"]:
            opening.append(anthropic_messages_request.unmarked(message))
            if message.get("role") == "user":
                break
        return reading.dump(opening).encode()

    def rewrite(self, asked: Asked, model: str | None, ask_usage: bool) -> bytes:
        """`ask_usage` changes nothing: every stream tells its usage."""
        return asked.body if model is None else strict_json.put_model(asked.body, asked.document, model)

    def read_answer(self, body: bytes, streamed: bool, asked: Asked | None) -> Reading:
        if streamed:
            return anthropic_messages_answer.read_stream(body)
        return anthropic_messages_answer.read_whole(body)

    def render_answer(self, answer: bytes, asked: Asked, id: str, created: int) -> Rendered:
        return anthropic_messages_render.answer(answer, asked.stream, f"msg_{id}")

    def render_text(self, text: str, asked: Asked, id: str, created: int) -> Rendered:
        return anthropic_messages_render.answer(
            anthropic_messages_render.message_of(text, asked.model), asked.stream, f"msg_{id}"
        )

    def render_error(self, message: str, type: str, code: str, details: Mapping[str, object], id: str = "") -> Rendered:
        return anthropic_messages_render.error(message, type, code, details, id)
