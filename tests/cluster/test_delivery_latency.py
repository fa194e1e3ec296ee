"""From a policy's change at the API server until twenty data planes decide by it."""

from __future__ import annotations

import asyncio
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from costward_extproc.adapters.stream_snapshots import StreamSnapshots

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, installed_costward
from tests.cluster.bench.policies import policy, until_true
from tests.cluster.bench.process import Process
from tests.fakes.figures import keep
from tests.fakes.running_delivery import following

PLANES = 20
CHANGES = 25
"""With as many data planes 500 moments: the slowest five are the last per cent."""
MICRO = 1_000_000
MEDIAN_BOUND_S, WORST_BOUND_S = 2.0, 6.0
"""Twice what is promised of p50 and p99 (1 s and 3 s): a machine that others use too is no proof of a regression. What
was measured is kept beside the build."""


@pytest.fixture
def installed(api: Api, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path) as costward:
        yield costward


@pytest.fixture
async def planes(installed: Installed, tmp_path: Path, shown: list[Process]) -> AsyncIterator[list[StreamSnapshots]]:
    """Connected to the operator's process, each with a stream of its own."""
    operator = installed.operator()
    shown.append(operator.process)
    await asyncio.to_thread(operator.process.start)
    source = await asyncio.to_thread(installed.source, operator.address, "plane")
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                following(replace(source, node=f"plane-{number}"), tmp_path / f"good-{number}")
            )
            for number in range(PLANES)
        ]
    await asyncio.to_thread(operator.process.stop)
    shown.remove(operator.process)


def limit_of(plane: StreamSnapshots, ref: str) -> int:
    found = [each for each in plane.current.policies if each.ref == ref]
    return found[0].tiers[0].caps[0].limit if found else 0


async def _in_force(plane: StreamSnapshots, ref: str, limit: int) -> float:
    """The moment from which it decides by it."""
    async for _ in plane.watch():
        if limit_of(plane, ref) == limit:
            return time.monotonic()
    raise AssertionError("it watches for ever")


async def test_a_change_is_in_force_on_twenty_data_planes(
    installed: Installed, planes: list[StreamSnapshots], api: Api
) -> None:
    ref = f"{api.namespace}/bot"
    await asyncio.to_thread(api.apply, policy(api.namespace))
    await until_true(lambda: all(limit_of(plane, ref) == 5 * MICRO for plane in planes))
    took: list[float] = []
    path = f"/apis/costward.dev/v1alpha1/namespaces/{api.namespace}/costpolicies/bot"
    headers = {"authorization": f"Bearer {api.token}", "content-type": "application/merge-patch+json"}
    verify = ssl.create_default_context(cafile=str(api.ca))
    async with httpx.AsyncClient(base_url=api.url, headers=headers, verify=verify, timeout=30) as http:
        for change in range(CHANGES):
            dollars = 10 + change
            waiting = [asyncio.create_task(_in_force(plane, ref, dollars * MICRO)) for plane in planes]
            began = time.monotonic()
            spec = policy(api.namespace, limit=str(dollars))["spec"]
            (await http.patch(path, json={"spec": spec})).raise_for_status()
            async with asyncio.timeout(30):
                took += [moment - began for moment in await asyncio.gather(*waiting)]

    percentiles = statistics.quantiles(took, n=100)
    median, worst = percentiles[49], percentiles[98]
    keep(
        "delivery_latency", {"planes": PLANES, "changes": CHANGES, "p50_s": round(median, 3), "p99_s": round(worst, 3)}
    )
    assert (median < MEDIAN_BOUND_S, worst < WORST_BOUND_S) == (True, True), f"p50 {median:.2f} s, p99 {worst:.2f} s"
