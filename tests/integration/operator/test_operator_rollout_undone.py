"""People go back to an older snapshot with one annotation, whatever policies say, and whoever leads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from costward_contract.chunks import INDEX
from costward_operator.core.rollout import PIN

from tests.fakes.apiserver import ApiServer
from tests.fakes.apiserver_objects import policy, spec
from tests.fakes.apiserver_operator import Planes, Running, condition, operator

pytestmark = pytest.mark.slow


async def pin(api: ApiServer, hash: str) -> None:
    body = api.state.objects["configmaps", "costward-system", INDEX]
    metadata = {**body["metadata"], "annotations": {PIN: hash}}
    await api.state.put("configmaps", {**body, "metadata": metadata})


def now(running: Running) -> str:
    return running.planes.published[-1].hash if running.planes.published else ""


async def two_versions(api: ApiServer, running: Running) -> tuple[str, str]:
    await api.state.put("costpolicies", policy("bot"))
    await running.until(lambda: condition(api, "bot", "Programmed") == "True/Seen")
    # Stored ones can be gone back to: not each is, where they come quickly.
    await running.until(lambda: stored(api) == now(running))
    first = now(running)
    await api.state.put("costpolicies", policy("bot", spec_=spec(limit="7")))
    await running.until(lambda: now(running) != first and stored(api) == now(running))
    return first, now(running)


def stored(api: ApiServer) -> str:
    text = str(api.state.objects.get(("configmaps", "costward-system", INDEX), {}).get("data", {}).get("index", ""))
    return text.partition('"hash": "')[2].partition('"')[0]


async def test_the_older_one_goes_out_and_the_status_says_why(api: ApiServer, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as running:
        first, second = await two_versions(api, running)
        await pin(api, first.removeprefix("sha256:")[:12])
        await running.until(lambda: now(running) == first)
        await running.until(lambda: condition(api, "bot", "Programmed") == "False/HeldBack")
        assert "costward_operator_held_back 1.0" in (await running.get("/metrics"))[1]

        await pin(api, "")
        await running.until(lambda: now(running) == second)
        await running.until(lambda: condition(api, "bot", "Programmed") == "True/Seen")


async def test_the_next_leader_never_sends_out_what_people_went_back_from(api: ApiServer, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as running:
        first, second = await two_versions(api, running)
        await pin(api, first)
        await running.until(lambda: now(running) == first)
        await running.until(lambda: stored(api) == first)
        running.stop.set()
        await running.task

    after = Planes()
    async with operator(api, tmp_path, "b", after) as running:
        await running.until(lambda: condition(api, "bot", "Programmed") == "False/HeldBack")
        assert {snapshot.hash for snapshot in after.published} == {first}
        await pin(api, "")
        await running.until(lambda: now(running) == second)


async def test_nothing_new_goes_out_while_the_wanted_one_is_not_kept(api: ApiServer, tmp_path: Path) -> None:
    async with operator(api, tmp_path) as running:
        _, second = await two_versions(api, running)
        await pin(api, "0123456789abcdef")
        while "costward_operator_held_back 1.0" not in (await running.get("/metrics"))[1]:  # noqa: ASYNC110  # it is a scrape
            await asyncio.sleep(0.05)
        assert now(running) == second
        await api.state.put("costpolicies", policy("bot", spec_=spec(limit="9")))
        await running.until(lambda: condition(api, "bot", "Programmed") == "False/HeldBack")
        assert now(running) == second
