"""What every codec needs to read JSON that callers and providers wrote: nothing in it can be relied on.

Each function gives a plain value, or the absence of one where the JSON holds something else. None of them raises.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from costward_extproc.core.service_tiers import FAST

MOST_TOKENS = 10**9
"""Beyond any model: a provider's nonsense must not become an amount that no ledger holds."""

MOST_OUTPUT_TOKENS = 10_000_000
"""Ten times what any model writes in one answer: a caller's larger number must not become an amount of money that no
ledger can hold, because what the ledger cannot hold it cannot refuse."""

_TOKENS_PER_PAGE = 3_000
_PAGE_BYTES = 64 * 1024
"""A page of a PDF counts as text and as a picture, at most 3,000 tokens by Anthropic's page on PDF; how many pages
there are is not looked up, and few are larger than this as base64. No sound has more tokens for its bytes."""

LARGE_BYTES = 256 * 1024
"""A request this large is hardly ever repeated to the letter, and hashing its context costs more than a look is
worth."""


def string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def positive(value: object) -> int | None:
    """True is no number here, although Python says so."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def output_limit(value: object) -> int | None:
    """Tokens that a request allows its answer, within reason."""
    tokens = positive(value)
    return None if tokens is None else min(tokens, MOST_OUTPUT_TOKENS)


_LONGEST_TIER = 32
"""Characters, three times the longest name of a service tier: callers and providers choose them."""


def service_tier(value: object) -> str | None:
    """As it is compared; None where none is named, or only that the provider may choose."""
    name = value.lower()[:_LONGEST_TIER] if isinstance(value, str) else ""
    return None if name in ("", "auto") else name


def speed_or_tier(holder: object) -> str | None:
    """Of a request or a usage of Anthropic's, where speed is told apart from the tier."""
    if not isinstance(holder, dict):
        return None
    return FAST if holder.get("speed") == "fast" else service_tier(holder.get("service_tier"))


def count(raw: object, name: str) -> int:
    """Tokens by this name in a usage object: 0 where it is missing, odd or negative."""
    value = raw.get(name) if isinstance(raw, dict) else None
    return min(max(value, 0), MOST_TOKENS) if isinstance(value, int) else 0


def file_tokens(data: object) -> int:
    """Input tokens of a file or a sound in base64, or of one that is only named: of a page at least."""
    return _TOKENS_PER_PAGE * (len(string(data) or "") // _PAGE_BYTES + 1)


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list; empty for whatever is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def conversation(messages: object) -> list[dict[str, Any]]:
    """Empty where `messages` is not a list of objects alone."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return []
    return messages


def object_of(data: bytes | None) -> dict[str, Any] | None:
    """The JSON object in an answer or in an event of a stream."""
    if not data:
        return None
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


_USAGE = re.compile(rb'(?<!\\)"usage"\s*:\s*(?=\{)')
"""Inside a string the quotes would be escaped."""


def only_usage(ending: bytes) -> bytes:
    """An answer with nothing but the usage that is told at the end of one too long to keep; empty where there is none.

    Every dialect puts its usage beside the members that hold the text, and most behind them.
    """
    for found in reversed(list(_USAGE.finditer(ending))):
        try:
            usage, _ = json.JSONDecoder().raw_decode(ending[found.end() :].decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        return json.dumps({"usage": usage}).encode()
    return b""


def encoded(value: object) -> bytes | None:
    """JSON; None for what was read but cannot be written, such as lists in lists beyond 254 levels."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def fits(value: object) -> bool:
    """Whether it can be written as a part of an answer or of a stream's event, which put it some levels deeper."""
    return encoded([[[[value]]]]) is not None


def is_encodable(text: str) -> bool:
    """False with half of a surrogate pair in it, which JSON may spell and UTF-8 may not."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def dump(value: object) -> str:
    """Canonical JSON: equal values give equal text, whatever the order of their members."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def spoken(value: object) -> str:
    """JSON for counting its tokens: text beyond ASCII as it is, where escapes would count up to four times as much."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
