"""The dialect `openai.embeddings`: POST /v1/embeddings.

Source of the format: the OpenAI API reference and its OpenAPI document, `CreateEmbeddingRequest` and
`CreateEmbeddingResponse`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costward_extproc.core.money import Usage
from costward_extproc.dialects import openai_error, reading, strict_json
from costward_extproc.dialects.base import Asked, Reading, Rendered, TellsUsage
from costward_extproc.dialects.strict_json import Unreadable

_LONGEST_ENDING = 4 * 1024
"""Bytes of an answer's end that can hold what follows its vectors, forty times over."""


class OpenAIEmbeddings(TellsUsage):
    """Implements `Dialect`."""

    name = "openai.embeddings"

    def read_request(self, body: bytes, model: str | None = None) -> Asked:
        document = strict_json.loads(body)
        named, elements = model or document.get("model"), _elements(document.get("input"))
        if not isinstance(named, str) or not named or not elements or not reading.is_encodable(named):
            raise Unreadable("not-embeddings")
        return Asked(
            body=body,
            document=document,
            model=named,
            stream=False,
            include_usage=True,
            last_user_text=None,
            agent_turn=False,
            max_output=0,
            choices=1,
            messages=len(elements),
            tools=0,
            flat_tokens=sum(len(element) for element in elements if isinstance(element, list)),
            uncacheable="embeddings",
            # Vectors of two models cannot be compared: another model would spoil the caller's index.
            pinned="model-in-path" if model else "embeddings",
            user=reading.string(document.get("user")),
        )

    def prompt_text(self, asked: Asked) -> str:
        return "\n".join(element for element in _elements(asked.document["input"]) if isinstance(element, str))

    def context(self, asked: Asked) -> bytes:
        return reading.dump(asked.document).encode()

    def opening(self, asked: Asked) -> bytes:
        """Vectors have no conversation: all of a caller's belong together."""
        return b"embeddings"

    def rewrite(self, asked: Asked, model: str | None, ask_usage: bool) -> bytes:
        return asked.body if model is None else strict_json.put_model(asked.body, asked.document, model)

    def read_answer(self, body: bytes, streamed: bool, asked: Asked | None) -> Reading:
        document = _ending(body) or reading.object_of(body)
        if document is None:
            return Reading()
        usage = _usage(document.get("usage"))
        return Reading(
            usage=usage,
            model=reading.string(document.get("model")),
            complete=usage is not None,
            failed=document.get("error") is not None,
        )

    def render_answer(self, answer: bytes, asked: Asked, id: str, created: int) -> Rendered:
        return Rendered("application/json", answer)

    def render_text(self, text: str, asked: Asked, id: str, created: int) -> None:
        """Words are no vector: there is no answer that a caller could take for one."""

    def render_error(self, message: str, type: str, code: str, details: Mapping[str, object], id: str = "") -> Rendered:
        return openai_error.error(message, type, code, details)


def _elements(given: object) -> list[str | list[int]]:
    """Texts and token arrays; empty where `input` is neither."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        return []
    if _are_tokens(given):
        return [given]
    return given if all(isinstance(element, str) or _are_tokens(element) for element in given) else []


def _are_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and set(map(type, value)) == {int}


def _ending(body: bytes) -> dict[str, Any] | None:
    """The members after the vectors, read without the vectors: megabytes of numbers would take milliseconds in which
    nobody else is served. Vectors hold no text, so a name in quotes near the end can only be a member's."""
    for start in _member_starts(body[-_LONGEST_ENDING:]):
        document = reading.object_of(b"{" + body[-_LONGEST_ENDING:][start:])
        if document is not None and _usage(document.get("usage")) is not None:
            return document
    return None


def _member_starts(ending: bytes) -> Iterator[int]:
    """Where the members that may follow the vectors begin, the earliest first, so that both are read."""
    places = (ending.rfind(name) for name in (b'"model"', b'"usage"'))
    yield from sorted(place for place in places if place >= 0)


def _usage(raw: object) -> Usage | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("prompt_tokens"), int):
        return None
    return Usage(input=reading.count(raw, "prompt_tokens"), output=0)
