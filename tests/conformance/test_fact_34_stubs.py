"""Published stubs lag behind Envoy: a message of a newer Envoy holds fields that ours do not know.

They must change nothing, and what we answer with must exist in the stubs that we pin.
"""

from __future__ import annotations

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.message import DecodeError

from tests.fakes.conformance import Ours, direct
from tests.fakes.services import request_headers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(34, "Stubs lag behind Envoy: unknown fields change nothing, used fields are known"),
]

UNKNOWN = b"\xc2\x3e\x05newer"
"""Field 1000, a string: no version of the proto has it."""


async def test_a_field_of_a_newer_envoy_changes_nothing(ours: Ours, user: str) -> None:
    plain = request_headers(**{"x-user-id": user})
    newer = pb.ProcessingRequest.FromString(plain.SerializeToString() + UNKNOWN)
    replies = []
    for message in (plain, newer):
        async with direct(ours) as call:
            await call.write(message)
            replies.append(await call.read())
    assert newer.SerializeToString() != plain.SerializeToString()
    assert replies[0] == replies[1]


async def test_what_we_answer_with_is_known() -> None:
    known = set(pb.ProcessingResponse.DESCRIPTOR.fields_by_name)
    assert known >= {"request_headers", "request_body", "response_headers", "response_body", "immediate_response"}
    assert "mode_override" in known


async def test_naive_a_paced_hit_would_need_what_these_stubs_lack() -> None:
    assert "streamed_immediate_response" not in pb.ProcessingResponse.DESCRIPTOR.fields_by_name
    with pytest.raises(ValueError, match="streamed_immediate_response"):
        pb.ProcessingResponse(streamed_immediate_response={})
    with pytest.raises(DecodeError):
        pb.ProcessingRequest.FromString(UNKNOWN[:-1])
