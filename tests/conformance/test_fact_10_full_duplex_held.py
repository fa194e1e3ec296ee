"""A FULL_DUPLEX request whose headers and body are held works above the buffer limit, and chooses its route after.

It is the only way to read a body of any size before it leaves, for the day when we need one above the route's limit.
"""

from __future__ import annotations

from typing import Any

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from tests.fakes.conformance import naive
from tests.fakes.envoy_edits import body_limit, routes, several
from tests.fakes.naive_server import WIDE, Conversation, Script, whole_body
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(10, "FULL_DUPLEX with headers and body held works above the limit and re-selects the route"),
]

BODY = chat("word " * 600_000)
STEER = {"set_headers": [{"header": {"key": "x-rung", "raw_value": b"large"}}]}


def steered(bootstrap: dict[str, Any]) -> None:
    """Each LLM route once more, for those whom the server sent there: it shows by a header of its own."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    sent_there = {"name": "x-rung", "string_match": {"exact": "large"}}
    added = [{"header": {"key": "x-steered", "value": "yes"}}]
    again = []
    for route in routes(bootstrap):
        match = {**route["match"], "headers": [*route["match"].get("headers", ()), sent_there]}
        again.append({**route, "name": f"{route['name']}/steered", "match": match, "request_headers_to_add": added})
    for host in manager["route_config"]["virtual_hosts"]:
        host["routes"] = [*again, *host["routes"]]


def script(*, hold_headers: bool) -> Script:
    async def run(conversation: Conversation) -> None:
        await conversation.read()
        await conversation.write(WIDE)
        common = {"header_mutation": STEER, "clear_route_cache": True}
        headers = pb.ProcessingResponse(request_headers={"response": common})
        if not hold_headers:
            await conversation.write(neutral_headers())
        parts = await whole_body(conversation)
        if hold_headers:
            await conversation.write(headers)
        for number, part in enumerate(parts, start=1):
            await conversation.write(streamed(part, number == len(parts)))
        await conversation.read()

    return run


def neutral_headers() -> Any:
    return pb.ProcessingResponse(request_headers={})


def streamed(part: bytes, end: bool) -> Any:
    mutation = {"streamed_response": {"body": part, "end_of_stream": end}}
    return pb.ProcessingResponse(request_body={"response": {"body_mutation": mutation}})


EDIT = several(body_limit(32 * 1024), steered)


async def test_three_megabytes_pass_at_a_limit_of_32_kib_and_take_another_route(
    provider: RawProvider, user: str
) -> None:
    async with naive(provider, script(hold_headers=True), EDIT) as lab:
        answered = await exchange(lab.port, request(BODY, user=user))
    assert answered.status == 200
    (asked,) = provider.asked
    assert (asked.body == BODY, asked.header("x-steered")) == (True, "yes")


async def test_naive_headers_that_were_let_go_have_chosen_their_route(provider: RawProvider, user: str) -> None:
    async with naive(provider, script(hold_headers=False), EDIT) as lab:
        await exchange(lab.port, request(chat("short"), user=user))
    assert provider.asked[0].header("x-steered") is None
