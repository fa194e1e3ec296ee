"""A policy's aliases in the list of models that its callers see, `GET /v1/models`.

They go in at the beginning of the list, so that only its first bytes are held back and the rest flows as it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qs

import orjson

from costward_extproc.core.events import Headers, PassChunk, PassHeaders, ResponseBody, ResponseHeaders, Write
from costward_extproc.core.evolve import evolve
from costward_extproc.core.recording import record_of
from costward_extproc.core.states import Finished, Listing, Step

HOLD_BYTES = 16 * 1024
"""What has not begun its list by then is none: providers write some ten bytes before it. Beyond this it flows."""

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|$)|[\[\]{},:]', re.DOTALL)
_EPOCH = "1970-01-01T00:00:00Z"
"""What Anthropic's API gives for a model whose date is not known."""


def entries(names: Sequence[str], team: str, anthropic: bool) -> bytes:
    """The aliases as members of the provider's list, joined by commas."""
    return b",".join(orjson.dumps(_entry(name, team, anthropic)) for name in names)


def _entry(name: str, team: str, anthropic: bool) -> dict[str, object]:
    if anthropic:
        return {"type": "model", "id": name, "display_name": f"{name} (costward:{team})", "created_at": _EPOCH}
    return {"id": name, "object": "model", "created": 0, "owned_by": f"costward:{team}"}


def is_later_page(path: str) -> bool:
    """Anthropic's list comes in pages; the aliases are on the first one."""
    asked = parse_qs(path.partition("?")[2])
    return "after_id" in asked or "before_id" in asked


def on_headers(state: Listing, event: ResponseHeaders) -> Step:
    """A plain JSON list is held until it begins; whatever else came flows past unseen."""
    headers = event.headers
    status = headers.get(":status", "")
    if event.end or status != "200" or not _is_plain_json(headers):
        known = int(status) if status.isascii() and status.isdigit() else None
        return Finished(), (PassHeaders(()), Write(record_of(state.case, event.at, end="complete", status=known)))
    return state, (PassHeaders((), remove=("content-length", "etag")),)


def _is_plain_json(headers: Headers) -> bool:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = headers.get("content-encoding", "identity").strip().lower()
    return media == "application/json" and encoding in ("", "identity")


def on_body(state: Listing, event: ResponseBody) -> Step:
    body = state.held + event.chunk
    extended = extend(body, state.entries)
    if extended is None and not event.end and len(body) <= HOLD_BYTES:
        return evolve(state, held=body), (PassChunk(b""),)
    flows = body if extended is None else extended
    record = record_of(state.case, event.at, end="complete", status=200)
    return Finished(), (PassChunk(None if flows == event.chunk else flows), Write(record))


def extend(body: bytes, added: bytes) -> bytes | None:
    """`body`, the beginning of a list of models, with more entries. As it is where it is no such list; None where that
    cannot be told yet."""
    if not body.lstrip(b" \t\r\n").startswith(b"{"):
        return body if body.strip(b" \t\r\n") else None
    depth = 0
    key = value_of = b""
    for token in _TOKENS.finditer(body):
        text = token.group()
        if depth == 1 and value_of == b'"data"':
            return _put(body, token.end(), added) if text == b"[" else body
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return body
        value_of = key if text == b":" else b""
        key = text
    return None


def _put(body: bytes, place: int, added: bytes) -> bytes | None:
    first = body[place:].lstrip(b" \t\r\n")[:1]
    if not first:
        return None
    comma = b"" if first == b"]" else b","
    return body[:place] + added + comma + body[place:]
