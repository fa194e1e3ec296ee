"""Replies are put together from parts that were serialised before: read back, they are the message that was meant."""

from __future__ import annotations

import pytest
from costward_extproc.core.events import Answer, PassHeaders
from costward_extproc.envoy_messages import reply_of
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingResponse
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.text(st.characters(max_codepoint=255), max_size=300)
HEADERS = st.lists(st.tuples(st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True), VALUES), max_size=8).map(tuple)


@given(HEADERS)
def test_response_headers(headers: tuple[tuple[str, str], ...]) -> None:
    reply = ProcessingResponse.FromString(reply_of(PassHeaders(headers)))
    assert reply.WhichOneof("response") == "response_headers"
    assert _pairs(reply.response_headers.response.header_mutation) == headers


@given(HEADERS, st.binary(max_size=300))
def test_an_answer(headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    answer = ProcessingResponse.FromString(reply_of(Answer(429, headers, body, "cap-spent"))).immediate_response
    assert (answer.status.code, answer.body, answer.details) == (429, body, "costward_cap-spent")
    assert _pairs(answer.headers) == headers


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 16_383, 16_384, 65_535])
def test_lengths_at_which_their_own_encoding_changes(length: int) -> None:
    reply = ProcessingResponse.FromString(reply_of(PassHeaders((("x-a", "\xff" * length), ("x-b", "1")))))
    assert _pairs(reply.response_headers.response.header_mutation) == (("x-a", "\xff" * length), ("x-b", "1"))


def _pairs(mutation: object) -> tuple[tuple[str, str], ...]:
    options = mutation.set_headers  # type: ignore[attr-defined]  # a mutation of headers
    assert all(option.append_action == option.OVERWRITE_IF_EXISTS_OR_ADD for option in options)
    return tuple((option.header.key, option.header.raw_value.decode("latin-1")) for option in options)
