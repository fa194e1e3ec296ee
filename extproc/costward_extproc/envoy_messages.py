"""Envoy's ext_proc messages to events and back. The only place that knows the wire types.

Source: envoy/service/ext_proc/v3/external_processor.proto, read with `xds-protos` (upb: about 1 µs to parse).
Replies are handed over serialised; envoy_parts.py builds once what recurs of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from costward_contract.metadata import ATTEMPTS, FAILED, SECOND, STATUS, TEXT, TICKET
from envoy.config.core.v3.base_pb2 import HeaderValue
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
from costward_extproc.envoy_parts import answer_head, option, serialised, tell, wishes, without

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
_PASS_CHUNK = serialised(ProcessingResponse(response_body=BodyResponse()))
_PASS_HEADERS = serialised(ProcessingResponse(response_headers=HeadersResponse()))
_GO_UPSTREAM = serialised(ProcessingResponse(request_body=BodyResponse()))
_READ_ANSWER = ProcessingMode(
    request_header_mode=ProcessingMode.SEND,
    response_header_mode=ProcessingMode.SEND,
    response_body_mode=ProcessingMode.STREAMED,
    request_trailer_mode=ProcessingMode.SKIP,
    response_trailer_mode=ProcessingMode.SKIP,
)
"""As above, but the request's body, if there is one, flows past unseen."""
_CLEAR_CHUNK = serialised(
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
            return b"".join([_go_upstream(body, remove), wishes(add), tell(TICKET, ticket), tell(SECOND, verdict)])
        case PassHeaders(add, remove):
            parts = [option("response_headers", name, value) for name, value in add]
            return b"".join([*parts, without(remove)] if remove else parts) or _PASS_HEADERS
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
    return serialised(ProcessingResponse(request_headers=HeadersResponse(response=common), mode_override=mode))


def _go_upstream(body: bytes | None, remove: tuple[str, ...]) -> bytes:
    if body is None:
        return _GO_UPSTREAM
    common = CommonResponse(
        body_mutation=BodyMutation(body=body),
        # A length that no longer fits is request smuggling; without one Envoy sends chunks.
        header_mutation=HeaderMutation(remove_headers=["content-length", *remove]),
    )
    return serialised(ProcessingResponse(request_body=BodyResponse(response=common)))


def _replaced_chunk(body: bytes) -> bytes:
    common = CommonResponse(body_mutation=BodyMutation(body=body))
    return serialised(ProcessingResponse(response_body=BodyResponse(response=common)))


def _answer(effect: Answer) -> bytes:
    parts = [answer_head(effect.status, effect.reason)]
    parts += [option("immediate_response", name, value) for name, value in effect.headers]
    parts.append(serialised(ProcessingResponse(immediate_response=ImmediateResponse(body=effect.body))))
    parts.append(tell(SECOND, effect.verdict))
    return b"".join(parts)
