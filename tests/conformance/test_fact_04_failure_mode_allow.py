"""With failure_mode_allow a request passes a server that is down or fails, and Envoy counts it; without, it fails.

Caps are bypassed by the one and traffic lost by the other, so the wiring says which, and the count is told.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Lab, Proxy, envoy_before
from tests.fakes.envoy_edits import Edit, routes, several, with_processor
from tests.fakes.naive_server import Conversation, asking, neutral
from tests.fakes.raw_provider import RawProvider, completion, events, in_parts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(4, "A dead or failing server is passed (counted) with failure_mode_allow, and a 500 without"),
]


def undeclared(bootstrap: dict[str, object]) -> None:
    """As most examples have it: no word about failures."""
    for route in routes(bootstrap):
        route["typed_per_filter_config"]["costward.ext_proc"]["config"] = {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
            "overrides": {},
        }


NAIVE: Edit = several(with_processor(failure_mode_allow=None), undeclared)


async def test_traffic_passes_a_dead_server_and_is_counted(provider: RawProvider, user: str) -> None:
    async with envoy_before(("/tmp/cw-nobody.sock",), provider) as envoy:
        proxy = Proxy(envoy)
        answered = await proxy.ask("hello", user=user)
        assert (answered.status, answered.body) == (200, completion())
        assert await proxy.count("failure_mode_allowed") == 1


async def test_naive_without_a_word_traffic_is_lost(provider: RawProvider, user: str) -> None:
    async with envoy_before(("/tmp/cw-nobody.sock",), provider, NAIVE) as envoy:
        assert (await Proxy(envoy).ask("hello", user=user)).status == 500
    assert provider.asked == []


@pytest.mark.parametrize("at", ["request_headers", "request_body", "response_headers", "response_body"])
async def test_a_server_that_fails_in_any_phase_is_passed(lab: Lab, provider: RawProvider, user: str, at: str) -> None:
    async def fails(conversation: Conversation) -> None:
        while (message := await conversation.read()) is not None:
            if message.HasField(at):
                raise ValueError(at)
            headers = message.HasField("request_headers")
            wish = asking(request_body="BUFFERED", response_body="STREAMED")
            await conversation.write(wish if headers else neutral(message))

    provider.answer = in_parts(events(10), pause_s=0.01)
    lab.server.script = fails
    allowed = await lab.count("failure_mode_allowed")
    answered = await lab.ask("hello", user=user)
    assert (answered.status, answered.body, answered.whole) == (200, b"".join(events(10)), True)
    assert await lab.count("failure_mode_allowed") == allowed + 1
