"""Whether an exchange was the same with and without Costward, byte by byte, apart from what is declared to change.

Declared: response headers of our own, `cache-status`, `age`, `x-envoy-*`, `date` and how a body is framed; in requests
the wish for usage, an alias's model, `accept-encoding`, `x-costward-*` and what proxies say of themselves. Of a stream
whose usage only we asked for, the usage chunk is taken out and `usage: null` stays in the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes.mixed_answers import decoded
from tests.fakes.mixed_traffic import Exchange

if TYPE_CHECKING:
    from tests.fakes.mixed_client import Seen
    from tests.fakes.mixed_provider import Request

_REQUEST_PREFIXES = ("x-costward-", "x-envoy-", "x-forwarded-")
_REQUEST_NAMES = {"accept-encoding", "x-request-id", "content-length", "transfer-encoding", "host"}
_RESPONSE_PREFIXES = ("x-costward-", "x-envoy-")
_RESPONSE_NAMES = {"cache-status", "age", "date", "transfer-encoding", "content-length", "content-encoding"}
_USAGE_NULL = b',"usage":null'
_LONGEST_WISH = 60
"""Bytes that the wish for usage may add."""


def differences(
    exchange: Exchange, plain: Seen, plain_sent: Sequence[Request], ours: Seen, ours_sent: Sequence[Request]
) -> list[str]:
    """What nobody declared; empty where all is well. `…_sent`: what reached the provider, and what it sent back."""
    if exchange.capped:
        return list(_refusal(ours, ours_sent))
    unseen = ours.header("x-costward-decision") is None
    found = [*_requests(exchange, plain_sent, ours_sent, unseen), *_responses(exchange, plain, ours)]
    if ours_sent and ours.status == 200:
        found += _as_provider_sent(exchange, ours, ours_sent[-1])
    return found


def _refusal(ours: Seen, ours_sent: Sequence[Request]) -> Iterator[str]:
    if ours.status != 429 or ours.header("x-costward-decision") != "refuse":
        yield f"a spent cap answered {ours.status}, {ours.header('x-costward-decision')}"
    if ours_sent:
        yield "a refused request reached the provider"


def _requests(exchange: Exchange, plain: Sequence[Request], ours: Sequence[Request], unseen: bool) -> Iterator[str]:
    """`unseen`: nobody may have been there to wish for the usage."""
    if len(ours) != len(plain) + exchange.again:
        yield f"the provider saw {len(ours)} requests, and {len(plain)} without us"
        return
    for with_us, without_us in zip(ours, plain, strict=False):
        if with_us.target != without_us.target:
            yield f"the target became {with_us.target}"
        yield from _headers("request", _kept(without_us.headers, _REQUEST_NAMES, _REQUEST_PREFIXES), with_us.headers)
        if any(name.startswith("x-costward-") for name, _ in with_us.headers):
            yield "a header of ours reached the provider"
        untouched = unseen and with_us.body == without_us.body
        if not untouched and not is_wished(without_us.body, with_us.body, exchange.wish):
            yield f"the request's body: {_where(without_us.body, with_us.body)}"


def _headers(what: str, expected: list[tuple[str, str]], got: Iterable[tuple[str, str]]) -> Iterator[str]:
    kept = (_REQUEST_NAMES, _REQUEST_PREFIXES) if what == "request" else (_RESPONSE_NAMES, _RESPONSE_PREFIXES)
    seen = _kept(got, *kept)
    if expected != seen:
        missing = [header for header in expected if header not in seen]
        added = [header for header in seen if header not in expected]
        yield f"{what} headers: missing {missing}, added {added}" if missing or added else f"{what} headers: order"


def _kept(headers: Iterable[tuple[str, str]], names: set[str], prefixes: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name not in names and not name.startswith(prefixes)]


def is_wished(original: bytes, sent: bytes, wish: bool) -> bool:
    """Whether `sent` is the original, or, with a wish for usage, differs from it in that one place."""
    if not wish or original == sent:
        return original == sent and not wish
    start = next((i for i, (a, b) in enumerate(zip(original, sent, strict=False)) if a != b), len(original))
    most = min(len(original), len(sent)) - start
    end = next((i for i in range(most) if original[-1 - i] != sent[-1 - i]), most)
    inserted, lost = sent[start : len(sent) - end], original[start : len(original) - end]
    before, after = json.loads(original), json.loads(sent)
    before["stream_options"] = {**(before.get("stream_options") or {}), "include_usage": True}
    return bool(before == after and len(inserted) <= _LONGEST_WISH and len(lost) <= len("false"))


def _responses(exchange: Exchange, plain: Seen, ours: Seen) -> Iterator[str]:
    if exchange.abort is not None and exchange.abort.where == "racing" and not (plain.status and ours.status):
        return
    if plain.status != ours.status:
        yield f"status {ours.status}, and {plain.status} without us"
        return
    yield from _headers("response", _kept(plain.headers, _RESPONSE_NAMES, _RESPONSE_PREFIXES), ours.headers)
    if exchange.abort is None and (plain.whole, plain.problem) != (ours.whole, ours.problem):
        yield f"it ended as {ours.whole, ours.problem}, and as {plain.whole, plain.problem} without us"
    bodies = [decoded(seen.body, seen.header("content-encoding") or "") for seen in (plain, ours)]
    without_us, with_us = bodies
    if exchange.wish:
        with_us = with_us.replace(_USAGE_NULL, b"")
    if not (plain.whole and ours.whole):
        if exchange.stream:
            with_us, without_us = (body[: _boundary(body)] for body in (with_us, without_us))
        shorter = min(len(with_us), len(without_us))
        with_us, without_us = with_us[:shorter], without_us[:shorter]
    if with_us != without_us:
        yield f"the answer's body: {_where(without_us, with_us)}"


def _as_provider_sent(exchange: Exchange, ours: Seen, request: Request) -> Iterator[str]:
    """Held against what the provider itself put on the wire for us: of what it sent nothing whole is held back."""
    expected = without_usage(request.sent) if exchange.wish else request.sent
    if ours.whole and ours.body != expected:
        yield f"the answer is not what the provider sent: {_where(expected, ours.body)}"
        return
    if not expected.startswith(ours.body):
        yield f"the beginning is not what the provider sent: {_where(expected, ours.body)}"
    racing = exchange.abort is not None and exchange.abort.where == "racing"
    if not racing and len(ours.body) < owed(exchange, request.sent):
        yield f"{len(expected) - len(ours.body)} bytes of {len(expected)} were held back"


def owed(exchange: Exchange, sent: bytes) -> int:
    """Bytes that a caller has a right to after the provider sent these: all, or of a stream all whole events."""
    expected = without_usage(sent) if exchange.wish else sent
    return _boundary(expected) if exchange.stream else len(expected)


def without_usage(stream: bytes) -> bytes:
    """A chat stream without the chunk that tells the usage."""
    *events, rest = stream.split(b"\n\n")
    kept = b"".join(event + b"\n\n" for event in events if not usage_chunks(event))
    return kept if usage_chunks(rest) else kept + rest


def usage_chunks(stream: bytes) -> int:
    return stream.count(b'"choices":[],')


def is_torn(stream: bytes, sent: bytes) -> bool:
    """Whether there is an event in it that the provider never sent: its beginning or its middle is missing."""
    *events, _ = stream.split(b"\n\n")
    return not set(events) <= set(sent.split(b"\n\n"))


def _boundary(stream: bytes) -> int:
    """Where the last whole event ends."""
    return stream.rfind(b"\n\n") + 2 if b"\n\n" in stream else 0


def _where(expected: bytes, got: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got)))
    around = slice(max(at - 30, 0), at + 60)
    return f"{len(got)} bytes, not {len(expected)}; from {at}: {got[around]!r}, not {expected[around]!r}"


def same_meaning(exchange: Exchange, plain: Seen, ours: Seen) -> bool:
    """Whether a hit says what the provider said, streamed or not: the same JSON apart from ids and times."""
    without_us, with_us = (
        _meaning(exchange, decoded(seen.body, seen.header("content-encoding") or "")) for seen in (plain, ours)
    )
    return plain.status == ours.status and without_us == with_us


def _meaning(exchange: Exchange, body: bytes) -> Any:
    if not exchange.stream:
        return _timeless(json.loads(body))
    rows = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: {")]
    return "".join(text for row in rows for text in _said(json.loads(row)))


_OWN = {"id", "created", "created_at", "item_id", "service_tier", "logprobs", "refusal"}
"""`logprobs` and the like: a stream says of them in every chunk that there are none, an answer in one piece once."""


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(item) for name, item in value.items() if name not in _OWN}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _said(event: Any) -> Iterator[str]:
    """The text in one event of any dialect."""
    delta = event.get("delta")
    yield delta if isinstance(delta, str) else (delta or {}).get("text", "")
    for choice in event.get("choices", []):
        yield choice["delta"].get("content") or ""
