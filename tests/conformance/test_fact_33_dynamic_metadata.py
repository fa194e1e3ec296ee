"""Dynamic metadata of a reply is dropped unless the config names its namespace as one to receive.

What a second attempt needs goes that way, so the wiring must name ours, and only where a fallback is declared.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
from costward_contract.metadata import TICKET
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Ours, direct, naive
from tests.fakes.envoy_edits import Edit, routes
from tests.fakes.naive_server import neutral, replies
from tests.fakes.raw_client import chat
from tests.fakes.raw_provider import RawProvider
from tests.fakes.services import request_body, request_headers, response_headers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(33, "Dynamic metadata is dropped unless its namespace is received: the wiring names ours"),
]


def shown(namespace: str) -> Edit:
    """The metadata as a response header."""

    def edit(bootstrap: dict[str, Any]) -> None:
        value = {"header": {"key": "x-shown", "value": f"%DYNAMIC_METADATA({namespace}:decision)%"}}
        for route in routes(bootstrap):
            route["response_headers_to_add"] = [value]

    return edit


def deciding(namespace: str, message: Any) -> Any:
    reply: pb.ProcessingResponse = neutral(message)
    reply.dynamic_metadata.update({namespace: {"decision": "route"}})
    return reply


async def test_without_a_fallback_no_reply_of_ours_rests_on_it(ours: Ours, user: str) -> None:
    async with direct(ours) as call:
        messages = (request_headers(**{"x-user-id": user}), request_body(chat("hello")), response_headers())
        for message in messages:
            await call.write(message)
            assert not (await call.read()).HasField("dynamic_metadata")


async def test_naive_only_the_namespace_that_the_wiring_names_arrives(provider: RawProvider, user: str) -> None:
    values = []
    for namespace in (TICKET, "elsewhere"):
        script = replies(functools.partial(deciding, namespace))
        async with naive(provider, script, shown(namespace)) as lab:
            answered = await lab.ask("hello", user=user)
        values.append(answered.headers.get("x-shown", "-"))
    assert values == ["route", "-"]
