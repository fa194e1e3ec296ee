"""What the stand-in answers: a pure function of the whole request, so that a wrong reuse of an answer can be seen.

An answer ends with its provenance: `(reset-password, gpt-5-mini, context 1a2b3c4d)`. The context is a digest of all
that must match before a text may match by meaning: system prompt, earlier turns, attachments.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from costward_cli.stand_in.chat import ChatRequest, attachments_of, text_of
from costward_cli.stand_in.knowledge import Knowledge, Understood

_REPEAT = re.compile(r"^\s*repeat (\d{1,6}) words?\W*$", re.IGNORECASE)
_PROVENANCE = re.compile(r"\((?P<name>[^(),]+), (?P<model>[^(),]+)(?:, context [0-9a-f]{8})?\)\W*$")
_FRENCH = re.compile(r"\b(answer|reply|respond) in french\b", re.IGNORECASE)

UNKNOWN = "unknown"

_DEEPEST = 10
"""Objects inside objects that an answer fills: OpenAI allows ten levels too."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    tool: ToolCall | None = None


def answer(request: ChatRequest, knowledge: Knowledge) -> Answer:
    last = request.last_user
    asked = text_of(last) if last is not None else ""
    repeat = _REPEAT.match(asked)
    if repeat:
        # " word" is one token, so N words are N tokens: a test can ask for an output of known size.
        return Answer("word" + " word" * (int(repeat[1]) - 1) if int(repeat[1]) else "")
    understood = knowledge.understand(asked)
    if understood.meaning is not None and understood.meaning.tool and request.tools:
        arguments = orjson.dumps({"question": understood.meaning.name}).decode()
        return Answer("", ToolCall(request.tools[0], arguments))
    text = f"{_language(request)}{_words(understood, asked)} {_provenance(understood, request)}"
    if request.json_schema is not None:
        return Answer(orjson.dumps(_fill(request.json_schema, text)).decode())
    return Answer(text)


def meaning_of(text: str) -> str | None:
    """The class that an answer of the stand-in belongs to; None if it is not one."""
    found = _PROVENANCE.search(text)
    return found["name"] if found else None


def _words(understood: Understood, asked: str) -> str:
    if understood.meaning is None:
        # The digest, not the text: an answer must not carry a prompt into places where prompts may not be.
        said = f"I have no better answer to question {_digest(asked)}."
        return f"{said} It mentions {', '.join(understood.numbers)}." if understood.numbers else said
    answer_text = understood.meaning.answer
    for place, number in enumerate(understood.numbers):
        answer_text = answer_text.replace(f"{{{place}}}", number)
    unused = [n for place, n in enumerate(understood.numbers) if f"{{{place}}}" not in understood.meaning.answer]
    return f"{answer_text} ({', '.join(unused)})" if unused else answer_text


def _provenance(understood: Understood, request: ChatRequest) -> str:
    name = understood.meaning.name if understood.meaning is not None else UNKNOWN
    context = _context(request)
    return f"({name}, {request.model}, context {context})" if context else f"({name}, {request.model})"


def _context(request: ChatRequest) -> str | None:
    last = request.last_user
    others = [message for message in request.messages if message is not last]
    attached = attachments_of(last) if last is not None else []
    return (
        _digest(orjson.dumps([others, attached], option=orjson.OPT_SORT_KEYS).decode()) if others or attached else None
    )


def _language(request: ChatRequest) -> str:
    systems = (text_of(m) for m in request.messages if m.get("role") in ("system", "developer"))
    return "En français : " if any(_FRENCH.search(text) for text in systems) else ""


def _fill(schema: Mapping[str, Any], text: str, depth: int = 0) -> dict[str, Any]:
    """The smallest object that fits the schema's properties; without a schema, the answer alone."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return {"answer": text}
    return {name: _value(sub if isinstance(sub, dict) else {}, text, depth + 1) for name, sub in properties.items()}


def _value(schema: Mapping[str, Any], text: str, depth: int) -> Any:
    choices, kinds = schema.get("enum"), schema.get("type", "string")
    if isinstance(choices, list) and choices:
        return choices[0]
    match kinds[0] if isinstance(kinds, list) and kinds else kinds:
        case "object":
            return _fill(schema, text, depth) if schema.get("properties") and depth < _DEEPEST else {}
        case "array":
            return []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case "null":
            return None
        case _:
            return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
