"""Request JSON: read as any other parser reads it or not at all, and changed in the named place alone."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from costward_extproc.dialects import strict_json
from costward_extproc.dialects.strict_json import Unreadable

from tests.fuzz.inputs import changed_often, odd_json
from tests.fuzz.seeds import OF_DIALECT, plain
from tests.fuzz.target import Target

TOKENS = (b'"model"', b'"\\u006dodel"', b'"model":"x",', b"\\", b"\\u", b"\xef\xbb\xbf", b"NaN", b"1e999", b"[" * 70)
_DOCUMENTS = [document for shapes in OF_DIALECT.values() for document in shapes.requests]
_SEEDS = tuple(
    [plain(document) for document in _DOCUMENTS]
    + [b' {\n"model" : "m" ,"x":1.0e2,"a":"\\u00e9\\/"}\r\n', b'{"model":"a","\\u006dodel2":["model","}"]}']
)
_WHITE = " \t\r\n"
_ANY = json.JSONDecoder(strict=True)


def members(body: bytes) -> dict[str, tuple[int, int]]:
    """Where the value of each top-level member of a JSON object stands, found by the standard library's scanner."""
    text = body.decode()
    found: dict[str, tuple[int, int]] = {}
    at = _after_white(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = _ANY.raw_decode(text, at)
        start = _after_white(text, _after_white(text, at) + 1)
        _, end = _ANY.raw_decode(text, start)
        found[name] = (len(text[:start].encode()), len(text[:end].encode()))
        at = _after_white(text, end)
        if text[at] == ",":
            at = _after_white(text, at + 1)
    return found


def _after_white(text: str, at: int) -> int:
    while text[at] in _WHITE:
        at += 1
    return at


def readable(body: bytes) -> dict[str, Any] | None:
    with suppress(Unreadable):
        return strict_json.loads(body)
    return None


def check(body: bytes) -> None:
    document = readable(body)
    if document is None:
        return
    assert document == json.loads(body), "another parser reads something else"
    spans = members(body)
    assert spans.keys() == document.keys()
    for name, span in spans.items():
        assert strict_json.member_span(body, name) == span, f"the member {name!r} is looked for elsewhere"
    for name in [*list(document)[:3], "not there"]:
        put = strict_json.put_member(body, document, name, b'"put"')
        assert json.loads(put) == {**document, name: "put"}
        start, end = spans.get(name, (body.index(b"{") + 1,) * 2)
        assert put.startswith(body[:start]), "a byte before the member changed"
        assert put.endswith(body[end:]), "a byte after the member changed"


TARGETS = (Target("strict-json", check, changed_often(odd_json(_DOCUMENTS), _SEEDS, TOKENS), _SEEDS),)
