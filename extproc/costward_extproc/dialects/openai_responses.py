"""The dialect `openai.responses`: POST /v1/responses.

Source of the format: the OpenAI API reference and its OpenAPI document, `CreateResponse` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping

from costward_extproc.dialects import (
    openai_error,
    openai_responses_answer,
    openai_responses_render,
    reading,
    strict_json,
    volatile,
)
from costward_extproc.dialects import openai_responses_request as request
from costward_extproc.dialects.base import Asked, Reading, Rendered, TellsUsage
from costward_extproc.dialects.strict_json import Unreadable

_NOT_CONTEXT = frozenset(
    {
        "stream",
        "stream_options",
        "service_tier",
        "prompt_cache_retention",
        "prompt_cache_options",
        *openai_responses_render.ECHOED,
    }
)
"""Members that cannot change what the answer says. Whatever is not listed here, known or not, must match exactly;
`store` among them, because it tells whether the provider knows the answer's id."""


class OpenAIResponses(TellsUsage):
    """Implements `Dialect`."""

    name = "openai.responses"

    def read_request(self, body: bytes, model: str | None = None) -> Asked:
        document = strict_json.loads(body)
        named, items = model or document.get("model"), request.items_of(document)
        if not isinstance(named, str) or not named or items is None or not reading.is_encodable(named):
            raise Unreadable("not-responses")
        text = request.last_user_text(items)
        tools = document.get("tools") or []
        return Asked(
            body=body,
            document=document,
            model=named,
            stream=document.get("stream") is True,
            include_usage=True,
            last_user_text=text,
            agent_turn=bool(tools) or any(map(request.is_tool_turn, items)),
            max_output=reading.output_limit(document.get("max_output_tokens")),
            choices=1,
            messages=len(items),
            tools=len(tools) if isinstance(tools, list) else 0,
            flat_tokens=request.flat_tokens(items),
            uncacheable="large-body" if len(body) > reading.LARGE_BYTES else request.uncacheable(document, items, text),
            pinned="model-in-path" if model else request.pinned(document, items),
            user=reading.string(document.get("safety_identifier")) or reading.string(document.get("user")),
            session=request.session(document),
            service_tier=reading.service_tier(document.get("service_tier")) or "",
        )

    def prompt_text(self, asked: Asked) -> str:
        return "\n".join(request.texts(asked.document, request.items_of(asked.document) or ()))

    def context(self, asked: Asked) -> bytes:
        document = {name: value for name, value in asked.document.items() if name not in _NOT_CONTEXT}
        *earlier, last = request.items_of(document) or [{}]
        document["input"] = [
            *(request.without_lines(item, volatile.lasting) for item in earlier),
            request.without_text(last),
        ]
        document["instructions"] = volatile.lasting(document.get("instructions"))
        return reading.dump(document).encode()

    def opening(self, asked: Asked) -> bytes:
        opening = [volatile.undated(asked.document.get("instructions"))]
        for item in request.items_of(asked.document) or ():
            opening.append(request.without_lines(item, volatile.undated))
            if item.get("role") == "user":
                break
        return reading.dump(opening).encode()

    def rewrite(self, asked: Asked, model: str | None, ask_usage: bool) -> bytes:
        """`ask_usage` changes nothing: every stream tells its usage."""
        return asked.body if model is None else strict_json.put_model(asked.body, asked.document, model)

    def read_answer(self, body: bytes, streamed: bool, asked: Asked | None) -> Reading:
        if streamed:
            return openai_responses_answer.read_stream(body)
        return openai_responses_answer.read_whole(body)

    def render_answer(self, answer: bytes, asked: Asked, id: str, created: int) -> Rendered:
        # Who lets the provider store answers may go on from this one by its id, so it keeps the one that it is
        # stored under.
        fresh = f"resp_{id}" if asked.document.get("store") is False else None
        return openai_responses_render.answer(answer, asked.document, asked.stream, fresh, created)

    def render_text(self, text: str, asked: Asked, id: str, created: int) -> Rendered:
        own = openai_responses_render.response_of(text, asked.model, f"msg_{id}")
        return openai_responses_render.answer(own, asked.document, asked.stream, f"resp_{id}", created)

    def render_error(self, message: str, type: str, code: str, details: Mapping[str, object], id: str = "") -> Rendered:
        return openai_error.error(message, type, code, details)
