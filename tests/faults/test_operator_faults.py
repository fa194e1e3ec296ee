"""The control plane's faults that a real API server cannot be made to show on demand: in each, data planes keep what
they have, and once it is over what is published and said is true again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.apiserver import ApiServer, serving
from tests.fakes.apiserver_objects import policy, spec
from tests.fakes.apiserver_operator import Planes, Running, condition, operator
from tests.fakes.fault_rows import Row

pytestmark = pytest.mark.slow


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with serving(ApiServer()) as server:
        for name in ("a", "b"):
            await server.state.put("costpolicies", policy(name))
        yield server


def ready(api: ApiServer, *names: str) -> bool:
    # Of both kinds: the operator watches only once it has published, and a fault of the watch needs one.
    return api.watches >= 2 and all(condition(api, name, "Ready") == "True/Ready" for name in names)


async def recovered(running: Running, names: set[str], began: float) -> float:
    """Seconds from `began` until data planes get exactly these policies."""
    await running.until(lambda: running.planes.names_published and running.planes.names_published[-1] == names)
    return time.monotonic() - began


@pytest.mark.fault("O1", "killed between publishing and writing the status")
async def test_killed_between_publish_and_status(api: ApiServer, tmp_path: Path, row: Row) -> None:
    api.faults.hold["PATCH costpolicies"] = asyncio.Event()
    planes = Planes()
    async with operator(api, tmp_path, planes=planes) as running:
        await running.until(lambda: planes.published)
        await running.kill()
    assert not ready(api, "a", "b")
    api.faults.hold.pop("PATCH costpolicies").set()

    began = time.monotonic()
    async with operator(api, tmp_path, me="a", planes=planes) as running:
        await running.until(lambda: ready(api, "a", "b"))
        row.recovery_s = time.monotonic() - began

    assert len({snapshot.hash for snapshot in planes.published}) == 1
    row.said = "same hash"


@pytest.mark.fault("O2", "429, 500 and no right while policies change")
@pytest.mark.parametrize("status", [429, 500, 403])
async def test_an_api_server_that_refuses_lists(api: ApiServer, tmp_path: Path, row: Row, status: int) -> None:
    async with operator(api, tmp_path, resync_s=0.3) as running:
        await running.until(lambda: ready(api, "a", "b"))
        before = running.planes.published[-1].hash
        api.faults.status["LIST costpolicies"], api.deaf = [-status], True
        await api.state.put("costpolicies", policy("c"))
        await asyncio.sleep(1.0)
        assert running.planes.published[-1].hash == before
        assert not running.task.done()
        del api.faults.status["LIST costpolicies"]
        row.recovery_s = await recovered(running, {"a", "b", "c"}, time.monotonic())


@pytest.mark.fault("O2", "a deletion that the watch lost")
async def test_a_deletion_that_the_watch_lost(api: ApiServer, tmp_path: Path, row: Row) -> None:
    async with operator(api, tmp_path, resync_s=1.0) as running:
        await running.until(lambda: ready(api, "a", "b"))
        api.deaf = True
        await api.state.delete("costpolicies", "team", "b")
        began = time.monotonic()
        # Until the stream has passed it over.
        await asyncio.sleep(0.2)
        api.deaf = False
        row.recovery_s = await recovered(running, {"a"}, began)


@pytest.mark.fault("O2", "an ERROR event in the watch")
async def test_an_error_event_ends_the_process(api: ApiServer, tmp_path: Path, row: Row) -> None:
    planes = Planes()
    async with operator(api, tmp_path, planes=planes) as running:
        await running.until(lambda: ready(api, "a", "b"))
        last = planes.published[-1].hash
        api.break_watches(error=500)
        with pytest.raises(BaseExceptionGroup):
            async with asyncio.timeout(20):
                await running.task
    assert planes.published[-1].hash == last

    await api.state.put("costpolicies", policy("c"))
    began = time.monotonic()
    async with operator(api, tmp_path, planes=planes) as again:
        row.recovery_s = await recovered(again, {"a", "b", "c"}, began)
    row.said = "ends and starts anew, instead of living on deaf"


@pytest.mark.fault("O3", "two replicas at once, their clocks five minutes apart")
async def test_two_replicas_one_writer(api: ApiServer, tmp_path: Path, row: Row) -> None:
    first, second = Planes(), Planes()

    def ahead() -> float:
        return time.time() + 300

    async with operator(api, tmp_path, me="a", planes=first) as leading:
        await leading.until(lambda: ready(api, "a", "b"))
        async with operator(api, tmp_path, me="b", planes=second, wall=ahead):
            await asyncio.sleep(2.5)
            assert second.published == []
        leading.stop.set()
        await leading.task
    # Begun anew, as kopf takes all tasks of its loop with it when it ends: two do not go on in one process.
    began = time.monotonic()
    async with operator(api, tmp_path, me="b", planes=second, wall=ahead) as following:
        row.recovery_s = await recovered(following, {"a", "b"}, began)
    assert {snapshot.hash for snapshot in second.published} == {first.published[-1].hash}
    row.said = "one writer, then the other with the same hash"


@pytest.mark.fault("O4", "fifty changes a second beside a policy that cannot be read")
async def test_fifty_changes_a_second(api: ApiServer, tmp_path: Path, row: Row) -> None:
    await api.state.put("costpolicies", policy("bad", spec_={"owner": 1}))
    async with operator(api, tmp_path, debounce_s=0.15) as running:
        await running.until(lambda: ready(api, "a", "b"))
        published = len(running.planes.published)
        for number in range(100):
            await api.state.put("costpolicies", policy("a", spec_=spec(limit=f"{number + 10}")))
            await asyncio.sleep(0.02)
        began = time.monotonic()
        key = ("costpolicies", "team", "a")
        last = api.state.get(key)["metadata"]["generation"]
        await running.until(lambda: api.state.get(key)["status"]["observedGeneration"] == last and ready(api, "a"))
        row.recovery_s = time.monotonic() - began

        assert condition(api, "bad", "Accepted") == "False/Invalid"
        assert len(running.planes.published) - published <= 40
        row.said = f"100 changes, {len(running.planes.published) - published} snapshots"
