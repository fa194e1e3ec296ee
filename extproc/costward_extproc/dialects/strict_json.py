"""Reading request JSON without ever disagreeing with the provider about what it says.

Parsers differ on duplicate keys, NaN, encodings and depth. Where two readings are possible we do not choose one: the
body is called unreadable, passes byte-identical, and is neither cached nor routed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

MAX_BYTES = 8 * 1024 * 1024
"""Beyond it a body takes a good part of Envoy's message time-out (1 s) to read, while nobody else is served."""

MAX_MEMBERS = 50_000
"""Commas and brackets: what the time to read JSON goes by. The largest agent requests have a third of it; this many
take about 50 ms."""

MAX_DEPTH = 64
"""Deeper nesting than any real request; parsers of providers begin to differ from here on."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
"""Possessive: a repeat that could be taken back would keep a hundred bytes of memory for each byte of the string."""
_TOKENS = re.compile(_STRING + rb"|[\[\]{},:]", re.DOTALL)


class Unreadable(Exception):
    """The body has no single safe reading; `reason` is a word for records and metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def loads(body: bytes) -> dict[str, Any]:
    """The object in `body`. Raises Unreadable: empty-body, not-utf8, malformed, duplicate-key, not-a-number, too-deep,
    not-an-object, too-large."""
    if not body:
        raise Unreadable("empty-body")
    if len(body) > MAX_BYTES or body.count(b",") + body.count(b"{") + body.count(b"[") > MAX_MEMBERS:
        raise Unreadable("too-large")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("not-utf8") from None
    try:
        document = _DECODER.decode(text)
    except RecursionError:
        raise Unreadable("too-deep") from None
    except ValueError:
        raise Unreadable("malformed") from None
    # Fewer brackets than levels cannot nest too deep: most bodies need no walk.
    if body.count(b"{") + body.count(b"[") >= MAX_DEPTH and _is_deep(document):
        raise Unreadable("too-deep")
    if not isinstance(document, dict):
        raise Unreadable("not-an-object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("duplicate-key")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise Unreadable("not-a-number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
"""Built once: `json.loads` with hooks builds one for every call."""


def _is_deep(document: object) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH - 1):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def member_span(body: bytes, name: str) -> tuple[int, int]:
    """Start and end of the value of a top-level member that the JSON object `body` is known to have."""
    return _sole_string_member(body, name) or _scan_for_member(body, name)


def _sole_string_member(body: bytes, name: str) -> tuple[int, int] | None:
    """The span without a scan, where only one place in the body can be meant: a string value, no escapes that could
    hide another spelling of the name, and no second candidate. Anything else is left to the scan."""
    if b"\\u" in body:
        return None
    key = rb'"' + re.escape(name.encode()) + rb'"\s*:'
    if len(re.findall(key, body)) != 1:
        return None
    match = re.search(key + rb"\s*(" + _STRING + rb")", body, re.DOTALL)
    return match.span(1) if match else None


def _scan_for_member(body: bytes, name: str) -> tuple[int, int]:
    depth = 0
    key: bytes | None = None
    start: int | None = None
    for token in _TOKENS.finditer(body):
        text = token.group()
        if text[0] in b'"':
            if depth == 1 and key is None and start is None:
                key = text
        elif text in (b"{", b"["):
            depth += 1
        elif text == b":" and depth == 1 and key is not None:
            if json.loads(key) == name:
                start = token.end()
            key = None
        elif depth == 1 and start is not None and text in (b",", b"}"):
            return _trimmed(body, start, token.start())
        elif text in (b"}", b"]"):
            depth -= 1
        elif text == b"," and depth == 1:
            key = None
    raise Unreadable("member-not-found")


def _trimmed(body: bytes, start: int, end: int) -> tuple[int, int]:
    while body[start : start + 1] in (b" ", b"\t", b"\r", b"\n"):
        start += 1
    while body[end - 1 : end] in (b" ", b"\t", b"\r", b"\n"):
        end -= 1
    return start, end


def put_model(body: bytes, document: Mapping[str, Any], model: str) -> bytes:
    """The body with another model, every other byte as it was."""
    return put_member(body, document, "model", json.dumps(model).encode())


def put_member(body: bytes, document: Mapping[str, Any], name: str, value: bytes) -> bytes:
    """The JSON object `body`, whose reading is `document`, with this member; every other byte stays as it is."""
    if name in document:
        return splice(body, member_span(body, name), value)
    start = body.index(b"{") + 1
    comma = b"," if document else b""
    return body[:start] + json.dumps(name).encode() + b":" + value + comma + body[start:]


def splice(body: bytes, span: tuple[int, int], value: bytes) -> bytes:
    """`body` with the bytes of `span` replaced; every other byte stays as it is."""
    return body[: span[0]] + value + body[span[1] :]
