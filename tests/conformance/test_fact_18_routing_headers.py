"""Changes of :authority and :scheme are rejected unless the config allows them, and only counted; :path may be changed.

A server that steers by them believes that it did.
"""

from __future__ import annotations

from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import Lab, Ours, naive
from tests.fakes.naive_server import neutral, replies
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(18, "Changes of :authority are rejected (counted) by default: we ask for none"),
]


async def test_nothing_that_we_ask_for_is_rejected(ours: Ours, user: str) -> None:
    before = await ours.count("rejected_header_mutations")
    for text, more in (("one", {}), ("one", {}), ("two", {"model": "auto"}), ("three", {"stream": True})):
        assert (await ours.ask(text, "x-costward-task: t", "accept-encoding: gzip", user=user, **more)).status == 200
    assert await ours.count("rejected_header_mutations") == before


def changing(message: Any, name: str, value: bytes) -> Any:
    if not message.HasField("request_headers"):
        return neutral(message)
    option = {"header": {"key": name, "raw_value": value}}
    return pb.ProcessingResponse(request_headers={"response": {"header_mutation": {"set_headers": [option]}}})


async def test_naive_another_authority_is_not_taken(lab: Lab, provider: RawProvider, user: str) -> None:
    before = await lab.count("rejected_header_mutations")
    lab.server.script = replies(lambda message: changing(message, ":authority", b"elsewhere.example"))
    assert (await lab.ask("hello", user=user)).status == 200
    assert provider.asked[0].header("host") != "elsewhere.example"
    assert await lab.count("rejected_header_mutations") == before + 1


@pytest.mark.parametrize("name", ["authorization", "x-user-id", "host"])
async def test_the_shipped_rules_take_no_header_that_is_not_ours(provider: RawProvider, user: str, name: str) -> None:
    script = replies(lambda message: changing(message, name, b"stolen"))
    async with naive(provider, script, ruled=True) as lab:
        assert (await lab.ask("hello", user=user)).status == 200
        assert await lab.count("rejected_header_mutations") == 1
    assert "stolen" not in dict(provider.asked[0].headers).values()


async def test_lab_another_path_is_taken(lab: Lab, provider: RawProvider, user: str) -> None:
    lab.server.script = replies(lambda message: changing(message, ":path", b"/v1/other"))
    await lab.ask("hello", user=user)
    assert provider.asked[0].target == "/v1/other"
