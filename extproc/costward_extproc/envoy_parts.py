"""Serialised pieces that replies to Envoy are put together from.

Serialised messages that follow each other are one message, in which lists are joined and inner messages merged
(protobuf's encoding guide, "Last One Wins"). So what recurs of a reply is serialised once, which takes a tenth of the
time that its message does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

from costward_contract.metadata import TEXT
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    HeadersResponse,
    ImmediateResponse,
    ProcessingResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.struct_pb2 import Struct, Value

Reply: TypeAlias = Literal["response_headers", "immediate_response"]


def serialised(message: ProcessingResponse) -> bytes:
    whole: bytes = message.SerializeToString()
    return whole


@lru_cache(maxsize=16)
def without(names: tuple[str, ...]) -> bytes:
    """A reply to an answer's headers that takes these off it."""
    common = CommonResponse(header_mutation=HeaderMutation(remove_headers=names))
    return serialised(ProcessingResponse(response_headers=HeadersResponse(response=common)))


@lru_cache(maxsize=64)
def wishes(headers: tuple[tuple[str, str], ...]) -> bytes:
    """A reply to a request's body that sets these headers; empty where there are none."""
    options = [HeaderValueOption(header=HeaderValue(key=n, raw_value=v.encode("latin-1"))) for n, v in headers]
    common = CommonResponse(header_mutation=HeaderMutation(set_headers=options))
    return serialised(ProcessingResponse(request_body=BodyResponse(response=common))) if headers else b""


def tell(namespace: str, text: str) -> bytes:
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
    whole = serialised(ProcessingResponse(dynamic_metadata=told))
    at = whole.rindex(place.encode())
    return whole[:at], whole[at + length :]


@lru_cache(maxsize=256)
def answer_head(status: int, reason: str) -> bytes:
    """An answer of our own without its headers and body."""
    answer = ImmediateResponse(status=HttpStatus(code=status), details=f"costward_{reason}")
    return serialised(ProcessingResponse(immediate_response=answer))


def option(reply: Reply, name: str, value: str) -> bytes:
    """A reply that sets one header and nothing else."""
    raw = value.encode("latin-1", "replace")
    before, after = _frame(reply, name, len(raw))
    return before + raw + after


@lru_cache(maxsize=1_024)
def _frame(reply: Reply, name: str, length: int) -> tuple[bytes, bytes]:
    """What is around a value of that many bytes; the same for all of them."""
    place = b"\xff" * length
    option = HeaderValueOption(
        # `value` would arrive empty: ext_proc reads raw_value.
        header=HeaderValue(key=name, raw_value=place),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    headers = HeaderMutation(set_headers=[option])
    if reply == "immediate_response":
        whole = serialised(ProcessingResponse(immediate_response=ImmediateResponse(headers=headers)))
    else:
        common = CommonResponse(header_mutation=headers)
        whole = serialised(ProcessingResponse(response_headers=HeadersResponse(response=common)))
    # From the right: a length may be written with the same byte, and stands before the value.
    at = whole.rindex(place) if place else len(whole)
    return whole[:at], whole[at + length :]
