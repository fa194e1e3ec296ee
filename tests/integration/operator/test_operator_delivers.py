"""The operator serves its snapshots to data planes by itself, to those whose token is good."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from costward_operator.app import World, run
from costward_operator.settings import DeliverySettings, Settings

from tests.cluster.bench.process import free_ports
from tests.fakes.apiserver import ApiServer
from tests.fakes.apiserver_objects import policy
from tests.fakes.apiserver_operator import condition, settings
from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import NAME, SHARED, following, source, until

pytestmark = pytest.mark.slow


async def test_a_policy_reaches_a_data_plane(api: ApiServer, tmp_path: Path) -> None:
    authority, ports = Authority(tmp_path), list[int]()
    pair = authority.issue(NAME)
    user = {"username": f"system:serviceaccount:{SHARED.namespace}:{SHARED.name}"}
    api.tokens[str(SHARED)] = {"authenticated": True, "user": user, "audiences": ["costward"]}
    delivery = DeliverySettings(
        listen=("127.0.0.1", 0), certificate=pair.certificate, key=pair.key, accounts=frozenset({SHARED})
    )
    await api.state.put("costpolicies", policy("a"))
    running = asyncio.create_task(
        run(settings(api, tmp_path, delivery=delivery), World(me="a", delivers=ports.append), asyncio.Event())
    )
    try:
        await until(lambda: bool(ports))
        async with following(source(authority, tmp_path, f"127.0.0.1:{ports[0]}"), tmp_path / "good") as plane:
            await until(lambda: [each.name for each in plane.current.policies] == ["a"])
            # Acknowledged; what is lacking is a proof that traffic passes there.
            await until(lambda: condition(api, "a", "Programmed") == "False/Unproven")
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            await running


async def test_a_standby_sends_data_planes_to_the_leader(api: ApiServer, tmp_path: Path) -> None:
    authority, led, stood = Authority(tmp_path), list[int](), list[int]()
    pair = authority.issue(NAME)
    user = {"username": f"system:serviceaccount:{SHARED.namespace}:{SHARED.name}"}
    api.tokens[str(SHARED)] = {"authenticated": True, "user": user, "audiences": ["costward"]}
    (there,) = free_ports(1)

    def served(port: int, advertise: str) -> Settings:
        delivery = DeliverySettings(
            listen=("127.0.0.1", port),
            certificate=pair.certificate,
            key=pair.key,
            accounts=frozenset({SHARED}),
            advertise=advertise,
        )
        return settings(api, tmp_path, delivery=delivery)

    await api.state.put("costpolicies", policy("a"))
    stop = asyncio.Event()
    leader = asyncio.create_task(run(served(there, f"127.0.0.1:{there}"), World(me="a", delivers=led.append), stop))
    await until(lambda: condition(api, "a", "Accepted") == "True/Accepted")
    standby = asyncio.create_task(run(served(0, "nowhere:1"), World(me="b", delivers=stood.append), stop))
    try:
        await until(lambda: bool(stood))
        async with following(source(authority, tmp_path, f"127.0.0.1:{stood[0]}"), tmp_path / "good") as plane:
            await until(lambda: [each.name for each in plane.current.policies] == ["a"])
    finally:
        for running in (leader, standby):
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
                await running
