"""Envoy's ext_proc messages to events and back. The only place that knows the wire types.

Source: envoy/service/ext_proc/v3/external_processor.proto, read with `xds-protos` (upb: about 1 µs to parse).
Replies are handed over serialised: what recurs of them is built once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, TypeAlias

from costward_contract.metadata import ATTEMPTS, FAILED, SECOND, STATUS, TEXT, TICKET
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.struct_pb2 import Struct, Value

from costward_extproc.core.events import (
    Answer,
    Given,
    GoUpstream,
    Headers,
    PassChunk,
    PassHeaders,
    ReadOn,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)

_READ_ALL = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    # BUFFERED, so that fail-open and time-outs of the request are Envoy's own.
    request_body_mode=ProcessingMode.BUFFERED,
    request_trailer_mode=ProcessingMode.SKIP,
    response_header_mode=ProcessingMode.SEND,
    # STREAMED: a BUFFERED answer over the buffer limit would turn into a 500 after the provider was paid.
    response_body_mode=ProcessingMode.STREAMED,
    response_trailer_mode=ProcessingMode.SKIP,
)
_Reply: TypeAlias = Literal["response_headers", "immediate_response"]


def _bytes(message: ProcessingResponse) -> bytes:
    serialised: bytes = message.SerializeToString()
    return serialised


_PASS_CHUNK = _bytes(ProcessingResponse(response_body=BodyResponse()))
_PASS_HEADERS = _bytes(ProcessingResponse(response_headers=HeadersResponse()))
_GO_UPSTREAM = _bytes(ProcessingResponse(request_body=BodyResponse()))
_READ_ANSWER = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    response_header_mode=ProcessingMode.SEND,
    response_body_mode=ProcessingMode.STREAMED,
    request_trailer_mode=ProcessingMode.SKIP,
    response_trailer_mode=ProcessingMode.SKIP,
)
"""As above, but the request's body, if there is one, flows past unseen."""
_CLEAR_CHUNK = _bytes(
    ProcessingResponse(response_body=BodyResponse(response=CommonResponse(body_mutation=BodyMutation(clear_body=True))))
)


def event_of(message: ProcessingRequest, at: float) -> Given | None:
    """What Envoy says; None for a message that was never asked for (trailers)."""
    match message.WhichOneof("request"):
        case "request_headers":
            part = message.request_headers
            if message.HasField("metadata_context"):
                ticket, failed = _told(message, TICKET), _failed(message)
                return RequestHeaders(at, _headers(part.headers.headers), part.end_of_stream, ticket, failed)
            return RequestHeaders(at, _headers(part.headers.headers), part.end_of_stream)
        case "request_body":
            # BUFFERED sends the whole body in one message; with trailers behind it, end_of_stream is not set.
            return RequestBody(at, message.request_body.body, end=True)
        case "response_headers":
            part = message.response_headers
            headers, attempts = _headers(part.headers.headers), _attempts(message)
            if message.HasField("metadata_context"):
                failed, verdict = _failed(message), _told(message, SECOND)
                return ResponseHeaders(at, headers, part.end_of_stream, attempts, failed, verdict)
            return ResponseHeaders(at, headers, part.end_of_stream, attempts)
        case "response_body":
            return ResponseBody(at, message.response_body.body, message.response_body.end_of_stream)
        case _:
            return None


def _told(message: ProcessingRequest, namespace: str, name: str = TEXT) -> str:
    """What stands in the exchange's dynamic metadata; empty where nothing does."""
    spaces = message.metadata_context.filter_metadata
    return str(spaces[namespace].fields[name].string_value) if namespace in spaces else ""


def _failed(message: ProcessingRequest) -> int | None:
    status = _told(message, FAILED, STATUS)
    return int(status) if status.isdecimal() else None


def _attempts(message: ProcessingRequest) -> int:
    for attributes in message.attributes.values():
        if ATTEMPTS in attributes.fields:
            return int(attributes.fields[ATTEMPTS].number_value)
    return 1


def _headers(values: Iterable[HeaderValue]) -> Headers:
    headers: dict[str, str] = {}
    for header in values:
        # Envoy fills raw_value only; Latin-1 gives every byte a character, so nothing is lost or refused.
        value = header.raw_value.decode("latin-1") or header.value
        name = header.key
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def reply_of(effect: ReadOn | GoUpstream | Answer | PassHeaders | PassChunk) -> bytes:
    """A serialised ProcessingResponse."""
    match effect:
        case ReadOn(remove):
            return _read(remove)
        case GoUpstream("headers", _, remove):
            return _read(remove, answer_only=True)
        case GoUpstream(_, body, remove, (), "", ""):
            return _go_upstream(body, remove)
        case GoUpstream(_, body, remove, add, ticket, verdict):
            return b"".join([_go_upstream(body, remove), _wishes(add), _tell(TICKET, ticket), _tell(SECOND, verdict)])
        case PassHeaders(add, remove):
            parts = [_option("response_headers", name, value) for name, value in add]
            return b"".join([*parts, _without(remove)] if remove else parts) or _PASS_HEADERS
        case PassChunk(None):
            return _PASS_CHUNK
        case PassChunk(body):
            return _replaced_chunk(body) if body else _CLEAR_CHUNK
        case Answer():
            return _answer(effect)


def _read(remove: tuple[str, ...], answer_only: bool = False) -> bytes:
    # Names are the caller's: only what is shorter than twice all our controls is remembered.
    build = _read_on if sum(map(len, remove)) <= 256 else _read_on.__wrapped__
    return build(remove, answer_only)


@lru_cache(maxsize=256)
def _read_on(remove: tuple[str, ...], answer_only: bool) -> bytes:
    common = CommonResponse(header_mutation=HeaderMutation(remove_headers=remove))
    mode = _READ_ANSWER if answer_only else _READ_ALL
    return _bytes(ProcessingResponse(request_headers=HeadersResponse(response=common), mode_override=mode))


@lru_cache(maxsize=16)
def _without(names: tuple[str, ...]) -> bytes:
    common = CommonResponse(header_mutation=HeaderMutation(remove_headers=names))
    return _bytes(ProcessingResponse(response_headers=HeadersResponse(response=common)))


def _go_upstream(body: bytes | None, remove: tuple[str, ...]) -> bytes:
    if body is None:
        return _GO_UPSTREAM
    common = CommonResponse(
        body_mutation=BodyMutation(body=body),
        # A length that no longer fits is request smuggling; without one Envoy sends chunks.
        header_mutation=HeaderMutation(remove_headers=["content-length", *remove]),
    )
    return _bytes(ProcessingResponse(request_body=BodyResponse(response=common)))


@lru_cache(maxsize=64)
def _wishes(headers: tuple[tuple[str, str], ...]) -> bytes:
    options = [HeaderValueOption(header=HeaderValue(key=n, raw_value=v.encode("latin-1"))) for n, v in headers]
    common = CommonResponse(header_mutation=HeaderMutation(set_headers=options))
    return _bytes(ProcessingResponse(request_body=BodyResponse(response=common))) if headers else b""


def _tell(namespace: str, text: str) -> bytes:
    """Into the exchange's dynamic metadata."""
    if not text:
        return b""
    raw = text.encode()
    before, after = _telling(namespace, len(raw))
    return before + raw + after


@lru_cache(maxsize=1_024)
def _telling(namespace: str, length: int) -> tuple[bytes, bytes]:
    """What is around a text of that many bytes, as in `_frame`."""
    place = "\x7f" * length
    told = Struct(fields={namespace: Value(struct_value=Struct(fields={TEXT: Value(string_value=place)}))})
    whole = _bytes(ProcessingResponse(dynamic_metadata=told))
    at = whole.rindex(place.encode())
    return whole[:at], whole[at + length :]


def _replaced_chunk(body: bytes) -> bytes:
    common = CommonResponse(body_mutation=BodyMutation(body=body))
    return _bytes(ProcessingResponse(response_body=BodyResponse(response=common)))


def _answer(effect: Answer) -> bytes:
    parts = [_answer_head(effect.status, effect.reason)]
    parts += [_option("immediate_response", name, value) for name, value in effect.headers]
    parts.append(_bytes(ProcessingResponse(immediate_response=ImmediateResponse(body=effect.body))))
    parts.append(_tell(SECOND, effect.verdict))
    return b"".join(parts)


@lru_cache(maxsize=256)
def _answer_head(status: int, reason: str) -> bytes:
    answer = ImmediateResponse(status=HttpStatus(code=status), details=f"costward_{reason}")
    return _bytes(ProcessingResponse(immediate_response=answer))


def _option(reply: _Reply, name: str, value: str) -> bytes:
    """A reply that sets one header and nothing else.

    Serialised messages that follow each other are one message, in which lists are joined and inner messages merged
    (protobuf's encoding guide, "Last One Wins"). So a reply is put together from parts that were serialised once,
    which takes a tenth of the time that its message does.
    """
    raw = value.encode("latin-1", "replace")
    before, after = _frame(reply, name, len(raw))
    return before + raw + after


@lru_cache(maxsize=1_024)
def _frame(reply: _Reply, name: str, length: int) -> tuple[bytes, bytes]:
    """What is around a value of that many bytes; the same for all of them."""
    place = b"\xff" * length
    option = HeaderValueOption(
        # `value` would arrive empty: ext_proc reads raw_value.
        header=HeaderValue(key=name, raw_value=place),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    headers = HeaderMutation(set_headers=[option])
    if reply == "immediate_response":
        whole = _bytes(ProcessingResponse(immediate_response=ImmediateResponse(headers=headers)))
    else:
        common = CommonResponse(header_mutation=headers)
        whole = _bytes(ProcessingResponse(response_headers=HeadersResponse(response=common)))
    # From the right: a length may be written with the same byte, and stands before the value.
    at = whole.rindex(place) if place else len(whole)
    return whole[:at], whole[at + length :]
