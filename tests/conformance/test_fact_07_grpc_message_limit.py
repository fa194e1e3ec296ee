"""grpcio receives at most 4 MiB unless told otherwise: a larger BUFFERED body is a 500, or goes around the caps.

Our server is told otherwise; the limit of the route is then the only one.
"""

from __future__ import annotations

import pytest

from tests.fakes.conformance import Ours, naive
from tests.fakes.envoy_edits import closed
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import RawProvider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(7, "gRPC's default of 4 MiB a message is raised to the route's limit"),
]

FIVE_MB = chat("word " * 1_000_000)
TWELVE_MB = chat("word " * 2_400_000)
GRPC_DEFAULTS: tuple[tuple[str, object], ...] = ()


@pytest.mark.parametrize("body", [FIVE_MB, TWELVE_MB], ids=["5MB", "12MB"])
async def test_a_large_body_is_governed(ours: Ours, provider: RawProvider, user: str, body: bytes) -> None:
    allowed = await ours.count("failure_mode_allowed")
    answered = await exchange(ours.port, request(body, user=user))
    assert answered.headers["x-costward-decision"] == "pass"
    assert provider.asked[0].body == body
    assert await ours.count("failure_mode_allowed") == allowed


async def test_naive_a_large_body_goes_around_an_open_filter(provider: RawProvider, user: str) -> None:
    async with naive(provider, replies(request_body="BUFFERED"), options=GRPC_DEFAULTS) as lab:
        assert (await exchange(lab.port, request(FIVE_MB, user=user))).status == 200
        assert await lab.count("failure_mode_allowed") == 1
    assert lab.server.conversations[0].bodies("request_body") == []


async def test_naive_a_large_body_is_a_500_of_a_closed_filter(provider: RawProvider, user: str) -> None:
    async with naive(provider, replies(request_body="BUFFERED"), closed, GRPC_DEFAULTS) as lab:
        assert (await exchange(lab.port, request(FIVE_MB, user=user))).status == 500
    assert provider.asked == []
