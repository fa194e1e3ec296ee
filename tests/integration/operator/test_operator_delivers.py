"""The operator serves its snapshots to data planes by itself, to those whose token is good."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from costward_operator.app import World, run
from costward_operator.settings import DeliverySettings

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
