"""Headers are set with raw_value, `value` arrives empty; what we set replaces a copy, what we read may be forged.

So our own names are taken out on the way in, on every path, and a provider's imitations on the way back.
"""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.headers import REQUEST_HEADERS, RESPONSE_HEADERS
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import neutral, replies
from tests.fakes.raw_provider import RawProvider, completion, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(17, "Headers are set by raw_value; a caller's and a provider's x-costward-* are never believed"),
]

FORGED = [f"{name}: forged" for name in REQUEST_HEADERS]
IMITATED = [f"{name}: forged" for name in RESPONSE_HEADERS]


async def test_each_of_our_headers_has_a_value(ours: Ours, user: str) -> None:
    answered = await ours.ask("hello", user=user)
    values = {name: value for name, value in answered.headers.items() if name.startswith("x-costward-")}
    assert set(values) >= {"x-costward-decision", "x-costward-policy", "x-costward-request-id", "x-costward-model"}
    assert "" not in values.values()


async def test_no_forged_header_passes_in_either_direction(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = whole(completion(), *IMITATED)
    answered = await ours.ask("hello", *FORGED, *IMITATED, "X-Costward-Unheard-Of: forged", user=user)
    assert [name for name, _ in provider.asked[0].headers if name.startswith("x-costward-")] == []
    assert "forged" not in answered.headers.values()


async def test_a_name_given_twice_is_taken_out_twice(ours: Ours, provider: RawProvider, user: str) -> None:
    await ours.ask("hello", "x-costward-route: off", "X-COSTWARD-ROUTE: on", user=user)
    assert provider.asked[0].header("x-costward-route") is None


def setting(message: Any, field: str) -> Any:
    if not message.HasField("request_headers"):
        return neutral(message)
    value = "large" if field == "value" else b"large"
    option = {"header": {"key": "x-rung", field: value}}
    return pb.ProcessingResponse(request_headers={"response": {"header_mutation": {"set_headers": [option]}}})


@pytest.mark.parametrize(("field", "arrived"), [("raw_value", "large"), ("value", "")])
async def test_naive_value_arrives_empty(lab: Lab, provider: RawProvider, user: str, field: str, arrived: str) -> None:
    lab.server.script = replies(lambda message: setting(message, field))
    await lab.ask("hello", user=user)
    assert (provider.asked[0].header("x-rung") or "") == arrived


async def test_lab_what_is_set_replaces_what_the_caller_sent(lab: Lab, provider: RawProvider, user: str) -> None:
    lab.server.script = replies(lambda message: setting(message, "raw_value"))
    await lab.ask("hello", "x-rung: forged", user=user)
    assert provider.asked[0].header("x-rung") == "large"
