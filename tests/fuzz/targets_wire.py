"""What Envoy tells us and we tell Envoy: messages, paths, and what two attempts of one exchange leave
for each other."""

from __future__ import annotations

import itertools

from costward_extproc.core.events import Answer, PassChunk, PassHeaders, RequestHeaders
from costward_extproc.core.tickets import Ticket, Verdict, difference, spliced
from costward_extproc.dialects.registry import endpoint_of, segments_of
from costward_extproc.envoy_messages import event_of, reply_of
from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from google.protobuf.message import DecodeError
from hypothesis import strategies as st

from tests.fakes.services import request_body, request_headers, response_body, response_headers
from tests.fuzz.inputs import changed, odd_json
from tests.fuzz.target import Target, chance, pieces
from tests.fuzz.targets_words import text_of

_MESSAGES = tuple(
    message.SerializeToString()
    for message in (
        request_headers(**{"x-user-id": "a"}),
        request_body(b"{}"),
        response_headers(),
        response_body(b"data: x\n\n"),
        ProcessingRequest(response_trailers={}),
    )
)


def check_message(data: bytes) -> None:
    try:
        message = ProcessingRequest.FromString(data)
    except DecodeError:
        return
    event = event_of(message, 1.0)
    if isinstance(event, RequestHeaders):
        given = message.request_headers.headers.headers
        _nothing_lost(list(given), event.headers)


def _nothing_lost(given: list[HeaderValue], read: object) -> None:
    assert isinstance(read, dict)
    assert read.keys() == {header.key for header in given}
    for header in given:
        value = header.raw_value.decode("latin-1") or header.value
        assert value in read[header.key]


def check_reply(data: bytes) -> None:
    """The input is cut into names, values and a body: whatever they are, Envoy must read what was meant."""
    rng = chance(data)
    parts = pieces(data, rng)
    texts = [part.decode("latin-1") for part in parts]
    pairs = tuple((f"x-{name.encode().hex()[:40]}", value) for name, value in itertools.pairwise(texts))
    expected = [(name, value.encode("latin-1")) for name, value in pairs]

    reply = ProcessingResponse.FromString(reply_of(PassHeaders(add=pairs)))
    assert _set(reply.response_headers.response.header_mutation) == expected

    reply = ProcessingResponse.FromString(reply_of(Answer(429, pairs, data, "cap-spent")))
    assert (reply.immediate_response.status.code, reply.immediate_response.body) == (429, data)
    assert _set(reply.immediate_response.headers) == expected

    change = ProcessingResponse.FromString(reply_of(PassChunk(data))).response_body.response.body_mutation
    assert (change.body, change.clear_body) == (data, not data)


def _set(mutation: object) -> list[tuple[str, bytes]]:
    options = mutation.set_headers  # type: ignore[attr-defined]  # a mutation of headers
    return [(option.header.key, option.header.raw_value) for option in options]


_PATHS = (
    b"POST /v1/chat/completions",
    b"POST /openai/deployments/gpt%2D5/chat/completions?api-version=1",
    b"POST //V1/./x/../Messages/;a=b",
    b"GET /v1/models/gpt-5",
    b"POST /v1/threads/t1/messages",
    b"POST /v1/messages/count_tokens",
    b"POST /v1/responses/resp_1/cancel",
    b"DELETE /v1/files/f",
)
_PARTS = (
    b"..",
    b".",
    b"%2e%2e",
    b"%252f",
    b"%",
    b"\\",
    b";x",
    b"?",
    b"#",
    b"//",
    b"%00",
    b"chat",
    b"messages",
    b"\xe9",
)


def check_path(data: bytes) -> None:
    """Spellings that servers take for one path mean one endpoint, and no spelling is a way around."""
    method, _, path = text_of(data).partition(" ")
    endpoint = endpoint_of(method, path)
    assert endpoint_of(method, path) == endpoint
    if "?" in path or "#" in path or "%" in path:
        return
    # A model in the path keeps its letter case.
    spellings = {path + "/", path + "?x=../..", "/a-prefix/.." + path, path.replace("/", "//")}
    for spelling in spellings if path.startswith("/") else ():
        assert endpoint_of(method, spelling) == endpoint, f"another endpoint when spelled {spelling!r}"
    plain = [part for part in segments_of(path) if part.isascii() and part.isalnum()]
    if plain and path.count(plain[0]) == 1:
        hidden = path.replace(plain[0], f"%{ord(plain[0][0]):02x}{plain[0][1:]}")
        assert endpoint_of(method, hidden) == endpoint, f"another endpoint when spelled {hidden!r}"


_TICKET = {
    "id": "0123",
    "policy": "default/p",
    "tier": "free",
    "path": "/v1/chat/completions",
    "size": 10,
    "charges": [["cap:1", 1_800_000_000.0, "cap", "User", "Day", 100], ["cap:2", None, "cap", "User", None, 5]],
    "next": ["gpt-5", 100, 3, [[2, 4, "x\u00e9"]]],
    "asSent": None,
}
_VERDICT = {"turn": "next", "first": 503, "reason": ""}


def check_ticket(data: bytes) -> None:
    text = text_of(data)
    ticket, verdict = Ticket.of(text), Verdict.of(text)
    assert verdict is None or Verdict.of(verdict.text()) == verdict
    assert ticket is None or Ticket.of(ticket.text()) == ticket
    old, new = data[: len(data) // 2], data[len(data) // 2 :]
    assert spliced(old, [difference(old, new)]) == new


_TICKETS = odd_json([_TICKET, _VERDICT])
TARGETS = (
    Target("envoy-message", check_message, changed(_MESSAGES, (b"\x12\x00", b"\x1a\x02\x12\x00")), _MESSAGES),
    Target("envoy-reply", check_reply, changed(_MESSAGES) | st.binary(max_size=400), (b"", b"\xff" * 300, *_MESSAGES)),
    Target("path", check_path, changed(_PATHS, _PARTS), _PATHS),
    Target("ticket", check_ticket, _TICKETS | changed((b'{"turn":"next","first":503,"reason":""}',)), (b"{}",)),
)
