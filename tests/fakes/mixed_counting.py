"""How the scripted provider counts: input by every text that a model reads, and what its prompt cache makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import splintr

from tests.fakes.mixed_requests import CHAT, EMBEDDINGS, MESSAGES


@dataclass(frozen=True, slots=True)
class Usage:
    """As the provider counts: `input` holds the cached and written ones, `output` the reasoning."""

    input: int
    output: int = 0
    cached: int = 0
    written: int = 0
    written_1h: int = 0
    reasoning: int = 0

    @property
    def cacheing(self) -> dict[str, Any]:
        """What the prompt cache made of the input."""
        return {"cached": self.cached, "written": self.written, "written_1h": self.written_1h}


def usages(dialect: str, document: dict[str, Any]) -> tuple[Usage, ...]:
    """What the provider's prompt cache may make of a request's input, each as likely as the others: by its own lights
    it is cached or it is not."""
    total = _input_of(dialect, document)
    if dialect == MESSAGES and '"cache_control": {' in json.dumps(document):
        shares = product((0, 50, 80), (0, 10), (0, 5))
        parts = ((total * read // 100, total * hour // 100, total * minutes // 100) for read, hour, minutes in shares)
        return tuple(Usage(total, cached=r, written=h + m, written_1h=h) for r, h, m in parts)
    if dialect not in (MESSAGES, EMBEDDINGS) and total > 1_024:
        return Usage(total), Usage(total, cached=total // 256 * 128)
    return (Usage(total),)


def _input_of(dialect: str, document: dict[str, Any]) -> int:
    """As OpenAI's counting guide has it: every text, three for each message, tools by their schemas."""
    given: Any = document.get("messages", document.get("input"))
    texts = list(_texts([document.get("system"), document.get("instructions"), given]))
    schemas = [document[name] for name in ("tools", "response_format", "text") if document.get(name)]
    texts += [json.dumps(schema, separators=(",", ":"), ensure_ascii=False) for schema in schemas]
    # What encrypted reasoning counts is not published; about four characters a token, as base64 of text would.
    hidden = sum(len(item.get("encrypted_content", "")) // 4 for item in given if isinstance(item, dict))
    framing = 4 * len(given) if isinstance(given, list) and dialect != EMBEDDINGS else 0
    pictures = json.dumps(given).count('"type": "image') * _PICTURES.get(dialect, 0)
    total = tokens("\n".join(texts)) + hidden + framing + pictures + _numbers(given) + 3 * (dialect == CHAT)
    if dialect == MESSAGES and document.get("tools"):
        total += 346
    return total


_PICTURES = {CHAT: 1_105, MESSAGES: 4_784}


def _texts(value: object, name: str = "") -> Iterable[str]:
    """Whatever a model reads: not the members that are names, ids, signatures and pictures."""
    if isinstance(value, str):
        yield from () if name in _NO_TEXT else (value,)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)
    elif isinstance(value, dict):
        if value.get("type") in ("tool_use", "function_call") or "tool_calls" in value:
            value = {"text": json.dumps(value, separators=(",", ":"), ensure_ascii=False)}
        for key, item in value.items():
            yield from _texts(item, key)


_NO_TEXT = {"role", "type", "id", "data", "url", "detail", "signature", "tool_use_id", "tool_call_id", "call_id"}
_NO_TEXT |= {"encrypted_content", "media_type", "ttl"}


def _numbers(given: object) -> int:
    """Of embeddings' inputs that are tokens already."""
    if not isinstance(given, list):
        return 0
    return sum(isinstance(item, int) if not isinstance(item, list) else _numbers(item) for item in given)


@cache
def _tokenizer() -> Callable[[str], list[int]]:
    encode: Callable[[str], list[int]] = splintr.Tokenizer.from_pretrained("o200k_base").encode_ordinary
    return encode


def tokens(text: str) -> int:
    return len(_tokenizer()(text)) if text else 0
