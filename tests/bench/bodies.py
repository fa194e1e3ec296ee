"""Request bodies of each dialect and size, in the shapes that real callers send.

1 kB is a question under a system prompt. 32 kB is a long conversation. 256 kB is a coding agent's: a conversation and
its tools. 5 MB is a conversation of text as `openai.chat` (the most that there can be to read) and pictures as
`anthropic.messages` (what bodies of that size really hold).
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SIZES: Mapping[str, int] = {"1k": 1_000, "32k": 32_000, "256k": 256_000, "5m": 5_000_000}
"""Bytes. 256 kB stays below the size from which nothing is cached."""

PATHS: Mapping[str, str] = {
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
    "openai.responses": "/v1/responses",
    "openai.embeddings": "/v1/embeddings",
}

SYSTEM = "You help with accounts."
MODELS: Mapping[str, str] = {"anthropic.messages": "claude-haiku-4-5", "openai.embeddings": "text-embedding-3-small"}
OPENAI_MODEL = "gpt-5-mini"

WORDS = """
account address amount answer apple arrive autumn balance banner basket battery beach bottle branch bridge budget
butter button cabin camera candle carpet castle ceiling chapter cherry circle closet coffee color copper corner
cotton course cousin dinner doctor dragon drawer engine evening fabric factory farmer father feather fiction
finger flower folder forest fridge garden garlic ginger glass guitar hammer harbor helmet hobby honey hotel
island jacket jungle kettle kitchen ladder lemon letter library lizard magnet market meadow melody mirror monkey
mountain museum needle notebook office orange oven painter palace paper pencil pepper piano picture pillow planet
pocket potato printer puzzle rabbit radio recipe ribbon river rocket salad sandal school season shadow silver
soccer spider spring square station stone summer sunset table teacher temple ticket tiger tower train travel tree
tunnel turtle valley velvet village violin wagon wallet water window winter wizard yellow zebra
"""
"""Everyday nouns: twelve of them at random are about sixteen tokens, and two such texts are never alike."""

_TEXT = "@the last user text@"
_TURN_BYTES = 1_000
"""About 200 words, as turns of long conversations have."""
_TOOLS = 40
_TOOL_BYTES = 1_500
"""What coding agents send: dozens of tools, each with a page of description."""
_PICTURE_BYTES = 1_200_000
"""A screenshot, in base64."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request's bytes around its last user text, which makes it new or known to the cache."""

    head: str
    tail: str

    def of(self, text: str) -> bytes:
        return f"{self.head}{text}{self.tail}".encode()


CORE = Body(
    f'{{"model":"gpt-5-mini","messages":[{{"role":"system","content":"{SYSTEM}"}},{{"role":"user","content":"',
    '"}],"temperature":0.2,"max_tokens":256}',
)


def body(dialect: str, size: str, *, stream: bool) -> Body:
    """A body of `size`, less than 2 % off, the text included. Raises KeyError for words that are not above."""
    wanted = SIZES[size]
    documents = {
        "openai.chat": _chat,
        "anthropic.messages": _messages,
        "openai.responses": _responses,
        "openai.embeddings": _embeddings,
    }
    build = documents[dialect]
    turns = _fitting(lambda count: len(_encoded(build(wanted, count, ""))), wanted)
    bare = build(wanted, turns, "")
    filled = build(wanted, turns, _prose(wanted - len(_encoded(bare)), seed=1))
    if stream:
        filled["stream"] = True
    head, tail = _encoded(filled).split(_TEXT)
    return Body(head, tail)


def _chat(wanted: int, turns: int, filling: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": _function(n, "parameters")} for n in range(_tools(wanted))]
    return {
        "model": OPENAI_MODEL,
        "messages": [{"role": "system", "content": SYSTEM + filling}, *_turns(turns), _asked(_TEXT)],
        **({"tools": tools} if tools else {}),
        "max_tokens": 256,
    }


def _messages(wanted: int, turns: int, filling: str) -> dict[str, Any]:
    pictures = [_picture(n) for n in range(wanted // (_PICTURE_BYTES + 100))]
    said = [{"role": "user", "content": pictures}, _answered("I see them.")] if pictures else []
    tools = [_function(n, "input_schema") for n in range(_tools(wanted))]
    return {
        "model": MODELS["anthropic.messages"],
        "max_tokens": 256,
        "system": [{"type": "text", "text": SYSTEM + filling, "cache_control": {"type": "ephemeral"}}],
        **({"tools": tools} if tools else {}),
        "messages": [*said, *_turns(turns), _asked(_TEXT)],
    }


def _responses(wanted: int, turns: int, filling: str) -> dict[str, Any]:
    tools = [{"type": "function", "strict": False, **_function(n, "parameters")} for n in range(_tools(wanted))]
    return {
        "model": OPENAI_MODEL,
        "instructions": SYSTEM + filling,
        "input": [*_turns(turns), _asked(_TEXT)],
        **({"tools": tools} if tools else {}),
        "max_output_tokens": 256,
        "store": False,
    }


def _embeddings(_wanted: int, turns: int, filling: str) -> dict[str, Any]:
    """One input for each kilobyte, as an indexer's batches."""
    inputs = [turn["content"] for turn in _turns(turns)]
    return {
        "model": MODELS["openai.embeddings"],
        "input": [*inputs, f"{filling} {_TEXT}"],
        "encoding_format": "base64",
        "dimensions": 256,
    }


def _tools(wanted: int) -> int:
    return _TOOLS if wanted >= SIZES["256k"] else 0


def _function(number: int, schema: str) -> dict[str, Any]:
    described = {"type": "string", "description": _prose(_TOOL_BYTES // 2, seed=number + 100)}
    return {
        "name": f"tool_{number}",
        "description": _prose(_TOOL_BYTES // 2, seed=number),
        schema: {"type": "object", "properties": {"path": described}, "required": ["path"]},
    }


def _picture(number: int) -> dict[str, Any]:
    data = base64.b64encode(random.Random(number).randbytes(_PICTURE_BYTES * 3 // 4)).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def _turns(count: int) -> list[dict[str, Any]]:
    """Question and answer in turn, an answer last, so that another question follows."""
    texts = [_prose(_TURN_BYTES, seed=number) for number in range(count)]
    return [_asked(text) if number % 2 == count % 2 else _answered(text) for number, text in enumerate(texts)]


def _asked(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _answered(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _prose(length: int, *, seed: int) -> str:
    """`length` characters of words, always the same for one `seed`; none where it is not positive."""
    if length <= 0:
        return ""
    words = random.Random(seed).choices(WORDS.split(), k=length // 4 + 1)
    return " ".join(words)[:length]


def _fitting(size_of: Callable[[int], int], wanted: int) -> int:
    """How many turns stay below `wanted` bytes, an even number. One pair of them is like any other."""
    none = size_of(0)
    return max((wanted - none) // (size_of(2) - none), 0) * 2


def _encoded(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
