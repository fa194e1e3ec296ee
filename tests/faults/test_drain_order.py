"""What a process does when it is told to end: proxies learn it first, new exchanges are served until they have, and
what runs comes to its end within the time that was given (promise P9)."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import grpc
import pytest
from costward_contract.wiring import EnvoySpec, Upstream, envoy_bootstrap
from costward_extproc.drain import HURRY_S
from costward_extproc.settings import PROBE_S
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.fakes.running_data_plane import RunningDataPlane, running_data_plane
from tests.fakes.running_stack import read_only
from tests.fakes.services import request_body, request_headers, response_body, response_headers
from tests.fakes.world import chat, completion

pytestmark = pytest.mark.slow

BODY = json.dumps(chat()).encode()
PROBE = {"COSTWARD_PROBE_SECONDS": "1"}


async def begun(plane: RunningDataPlane) -> Any:
    """An exchange that waits for its provider's answer."""
    call = plane.exchange()
    await call.write(request_headers())
    assert (await call.read()).WhichOneof("response") == "request_headers"
    await call.write(request_body(BODY))
    assert (await call.read()).WhichOneof("response") == "request_body"
    return call


async def finished(call: Any) -> None:
    await call.write(response_headers())
    assert (await call.read()).WhichOneof("response") == "response_headers"
    await call.write(response_body(completion()))
    assert (await call.read()).WhichOneof("response") == "response_body"


async def test_proxies_are_told_first_and_served_until_they_know() -> None:
    async with running_data_plane(**PROBE) as plane:
        assert await plane.health() == HealthCheckResponse.SERVING
        plane.tell(signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert await plane.health() == HealthCheckResponse.NOT_SERVING
        late = await begun(plane)
        await asyncio.sleep(1.2)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await plane.health()
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        await finished(late)
        assert await asyncio.wait_for(plane.process.wait(), 10) == 0
        with read_only(plane.state_dir / "ledger.sqlite") as db:
            assert db.execute("SELECT state, count(*) FROM reservation GROUP BY 1").fetchall() == [("settled", 1)]


async def test_what_takes_longer_than_the_drain_is_cut_and_settled() -> None:
    async with running_data_plane(**PROBE, COSTWARD_DRAIN_SECONDS="0.5") as plane:
        await plane.health()
        call = await begun(plane)
        told = time.monotonic()
        plane.tell(signal.SIGTERM)
        assert await asyncio.wait_for(plane.process.wait(), 10) == 0
        assert await call.code() != grpc.StatusCode.OK
        assert 1.4 < time.monotonic() - told < 10
        with read_only(plane.state_dir / "ledger.sqlite") as db:
            assert db.execute("SELECT count(*) FROM reservation WHERE state = 'open'").fetchone() == (0,)


async def test_one_that_is_replaced_waits_for_its_streams_until_it_is_told_to_hurry() -> None:
    async with running_data_plane(**PROBE, COSTWARD_DRAIN_SECONDS="0.3") as plane:
        await plane.health()
        call = await begun(plane)
        plane.tell(signal.SIGHUP)
        await asyncio.sleep(2)
        assert plane.process.returncode is None, "longer than the drain of SIGTERM"
        await finished(call)
        assert await asyncio.wait_for(plane.process.wait(), 10) == 0


async def test_a_second_signal_hastens_the_first() -> None:
    async with running_data_plane(**PROBE, COSTWARD_DRAIN_SECONDS="60") as plane:
        await plane.health()
        call = await begun(plane)
        plane.tell(signal.SIGTERM)
        await asyncio.sleep(1.3)
        assert not call.done()
        plane.tell(signal.SIGINT)
        assert await asyncio.wait_for(plane.process.wait(), HURRY_S + 20) == 0


async def test_without_any_proxy_nothing_is_waited_for() -> None:
    async with running_data_plane(COSTWARD_PROBE_SECONDS="30") as plane:
        # The start's own check of its health is too old by then.
        await asyncio.sleep(5.2)
        plane.tell(signal.SIGTERM)
        # Of the 30 seconds between two probes.
        assert await asyncio.wait_for(plane.process.wait(), 20) == 0


def test_the_wiring_asks_more_often_than_is_waited() -> None:
    spec = EnvoySpec(upstreams=(Upstream("provider", "https://api.example.com/v1"),), sockets=("/run/s",))
    clusters = envoy_bootstrap(spec)["static_resources"]["clusters"]
    (check,) = next(cluster["health_checks"] for cluster in clusters if "health_checks" in cluster)
    every = ("interval", "no_traffic_interval", "no_traffic_healthy_interval")
    assert all(float(check.get(name, "0s").rstrip("s")) < PROBE_S for name in every)
