"""More than 1,024 exchanges at once do not go around us: Envoy's default bound on requests of a cluster is lifted.

At the default the next request passes the caps where the filter fails open, and fails where it fails closed.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.fakes.conformance import Ours, Proxy
from tests.fakes.envoy_edits import cluster
from tests.fakes.raw_client import chat, exchange, request
from tests.fakes.raw_provider import Asked, RawProvider, completion, whole
from tests.fakes.running_stack import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(104, "More than 1,024 exchanges at once: none goes around us"),
]

AT_ONCE = 1_100
TOGETHER = 50


class AllTogether:
    """Answers nobody before all have asked."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._all = asyncio.Event()

    async def __call__(self, asked: Asked) -> None:
        self._missing -= 1
        if self._missing == 0:
            self._all.set()
        await self._all.wait()
        await whole(completion())(asked)


async def crowd(proxy: Proxy, provider: RawProvider, user: str) -> list[bool]:
    """Whether each of them was governed."""
    provider.answer = AllTogether(AT_ONCE)
    bodies = [request(chat(f"{user} {number}"), user=user) for number in range(AT_ONCE)]
    tasks = []
    for number, body in enumerate(bodies):
        tasks.append(asyncio.create_task(exchange(proxy.port, body, seconds=40)))
        if number % TOGETHER == 0:
            # All that have come are held by the provider; a burst would measure the machine instead of the bound.
            await until(lambda reached=number: len(provider.asked) >= reached, "the requests so far", 20)
    answers = await asyncio.gather(*tasks)
    assert {answered.status for answered in answers} == {200}
    return ["x-costward-decision" in answered.headers for answered in answers]


async def test_all_are_governed(ours: Ours, provider: RawProvider, user: str) -> None:
    allowed = await ours.count("failure_mode_allowed")
    governed = await crowd(ours, provider, user)
    assert governed.count(True) == AT_ONCE
    assert await ours.count("failure_mode_allowed") == allowed
    assert len(await ours.of(user, AT_ONCE, seconds=20)) == AT_ONCE


async def test_naive_at_envoys_default_the_rest_goes_around(ours: Ours, provider: RawProvider, user: str) -> None:
    async with contextlib.AsyncExitStack() as folder:
        beside = await ours.beside(folder, lambda bootstrap: cluster(bootstrap).pop("circuit_breakers"))
        governed = await crowd(beside, provider, user)
        assert await beside.count("failure_mode_allowed") == governed.count(False) == AT_ONCE - 1_024
