"""From objects to snapshots and statuses: converged, and then silent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.apiserver import ApiServer
from tests.fakes.apiserver_objects import policy, spec
from tests.fakes.apiserver_operator import Planes, condition, operator

pytestmark = pytest.mark.slow


async def put(api: ApiServer, name: str, spec_: Any = None) -> None:
    await api.state.put("costpolicies", policy(name, spec_=spec_))


async def test_a_policy_is_published_and_its_status_says_so(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "first")
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "first", "Ready") == "True/Ready")
        await put(api, "second")
        await running.until(lambda: condition(api, "second", "Programmed") == "True/Seen")

        assert running.planes.names_published == [{"first"}, {"first", "second"}]


async def test_nothing_is_published_before_all_was_listed(api: ApiServer, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        await put(api, name)
    api.faults.delay_s["LIST costpolicies"] = 0.4
    async with operator(api, tmp_path) as running:
        await running.until(lambda: running.planes.published)

        assert running.planes.names_published[0] == {"a", "b", "c"}


async def test_a_deletion_is_published_and_needs_no_finalizer(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "a")
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        assert "finalizers" not in api.state.get(("costpolicies", "team", "a"))["metadata"]
        await api.state.delete("costpolicies", "team", "a")
        await running.until(lambda: running.planes.names_published[-1] == set())


async def test_a_bad_policy_harms_only_itself(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "good")
    await put(api, "bad", {"owner": {"team": "x"}, "modles": []})
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "bad", "Accepted") == "False/Invalid")
        await running.until(lambda: condition(api, "good", "Ready") == "True/Ready")

        assert running.planes.names_published == [{"good"}]
        await put(api, "bad")
        await running.until(lambda: condition(api, "bad", "Ready") == "True/Ready")


async def test_a_restart_with_true_statuses_writes_nothing(api: ApiServer, tmp_path: Path) -> None:
    for name in ("a", "b"):
        await put(api, name)
    planes = Planes()
    async with operator(api, tmp_path, planes=planes) as running:
        await running.until(lambda: all(condition(api, name, "Ready") == "True/Ready" for name in ("a", "b")))
        running.stop.set()
        await running.task
    written = dict(api.state.writes)

    async with operator(api, tmp_path, me="b") as running:
        await running.until(lambda: running.planes.published)
        await asyncio.sleep(1.0)

        assert dict(api.state.writes) == written
        assert {each.hash for each in running.planes.published} == {planes.published[-1].hash}


async def test_a_flapping_policy_is_written_less_often_than_it_flaps(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "a")
    async with operator(api, tmp_path, debounce_s=0.15) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        before, published = api.state.writes["team/a"], len(running.planes.published)
        for number in range(50):
            await put(api, "a", spec(limit=f"{number + 10}"))
            await asyncio.sleep(0.02)
        last = api.state.get(("costpolicies", "team", "a"))["metadata"]["generation"]
        await running.until(
            lambda: api.state.get(("costpolicies", "team", "a"))["status"]["observedGeneration"] == last
        )
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")

        assert api.state.writes["team/a"] - before <= 50
        assert len(running.planes.published) - published <= 20


async def test_an_edit_of_one_policy_writes_no_other_status(api: ApiServer, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        await put(api, name)
    async with operator(api, tmp_path) as running:
        await running.until(lambda: all(condition(api, name, "Ready") == "True/Ready" for name in ("a", "b", "c")))
        before = {name: api.state.writes[f"team/{name}"] for name in ("b", "c")}
        await put(api, "a", spec(limit="9"))
        await running.until(lambda: api.state.get(("costpolicies", "team", "a"))["status"]["observedGeneration"] == 2)
        await asyncio.sleep(0.7)

        assert {name: api.state.writes[f"team/{name}"] for name in ("b", "c")} == before


async def test_a_status_that_was_overwritten_is_put_right(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "a")
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        await api.state.apply(
            ("costpolicies", "team", "a"), {"metadata": {}, "status": {"conditions": []}}, sub="status"
        )
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")


async def test_events_are_told_when_something_turns(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "a", {"owner": 1})
    async with operator(api, tmp_path) as running:
        await running.until(lambda: api.state.listed("events"))
        told = {(each["type"], each["reason"], each["action"]) for each in api.state.listed("events")}

    assert ("Warning", "Invalid", "Accepted") in told


async def test_health_and_metrics_are_served(api: ApiServer, tmp_path: Path) -> None:
    await put(api, "a")
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        metrics = (await running.get("/metrics"))[1]

        assert await running.get("/health") == (200, "ok\n")
        assert "costward_operator_policies 1.0" in metrics
        assert "costward_operator_leading 1.0" in metrics
        assert (await running.get("/else"))[0] == 404
