"""The operator is killed after it published and before any status was written: the next one converges on the same."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from costward_extproc.adapters.stream_snapshots import StreamSnapshots

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.costward import Installed, installed_costward
from tests.cluster.bench.policies import condition, policy, until_true
from tests.cluster.bench.process import Process
from tests.fakes.running_delivery import following

ROLE = "-costward-operator"


@pytest.fixture
def installed(api: Api, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path) as costward:
        yield costward


@pytest.fixture
def process(shown: list[Process]) -> Iterator[list[Process]]:
    """Operators that end with the test, and whose logs are shown."""
    started: list[Process] = []
    yield started
    for one in started:
        one.stop()


def without_status_rights(api: Api) -> str:
    """Takes the right to write statuses, so that there is a moment between publish and status; the rules from before,
    as JSON."""
    name = f"{api.namespace}{ROLE}"
    rules = api.get("clusterrole", name)["rules"]
    kept = [rule for rule in rules if not any(word.endswith("/status") for word in rule["resources"])]
    _set(api, name, json.dumps(kept))
    return json.dumps(rules)


def _set(api: Api, name: str, rules: str) -> None:
    api.kubectl("patch", "clusterrole", name, "--type=merge", "-p", json.dumps({"rules": json.loads(rules)}))


def stored(api: Api) -> str:
    """Hash of the newest snapshot that is kept for cold starts."""
    try:
        entries = json.loads(api.get("configmap", "costward-snapshots")["data"]["index"])["snapshots"]
    except (CallError, KeyError):
        return ""
    return str(entries[0]["hash"]) if entries else ""


async def test_the_next_one_serves_the_same_snapshot_and_writes_what_was_not_written(
    installed: Installed, api: Api, tmp_path: Path, shown: list[Process], process: list[Process]
) -> None:
    rules = await asyncio.to_thread(without_status_rights, api)
    await asyncio.to_thread(api.apply, policy(api.namespace))
    first = installed.operator("first")
    shown.append(first.process)
    process.append(first.process)
    await asyncio.to_thread(first.process.start)
    source = await asyncio.to_thread(installed.source, first.address, "plane")
    async with following(source, tmp_path / "good") as plane:
        await until_true(lambda: _holds(plane, api) and stored(api) == plane.current.hash)
        before = plane.current.hash
        first.process.signal(signal.SIGKILL)
    assert condition(api.get("costpolicy", "bot"), "Accepted") == ""

    await asyncio.to_thread(_set, api, f"{api.namespace}{ROLE}", rules)
    second = installed.operator("second")
    shown.append(second.process)
    process.append(second.process)
    await asyncio.to_thread(second.process.start)
    source = await asyncio.to_thread(installed.source, second.address, "plane")
    async with following(source, tmp_path / "fresh") as plane:
        # The lease of the one that was killed has to end first.
        await until_true(lambda: condition(api.get("costpolicy", "bot"), "Programmed") == "False/Unproven")

        assert (plane.current.hash, stored(api)) == (before, before)
        assert condition(api.get("costpolicy", "bot"), "Accepted") == "True/Accepted"
    entries = json.loads(api.get("configmap", "costward-snapshots")["data"]["index"])["snapshots"]
    assert len(entries) == 1


def _holds(plane: StreamSnapshots, api: Api) -> bool:
    # Alone: what earlier tests left is still on its way out.
    return [each.ref for each in plane.current.policies] == [f"{api.namespace}/bot"]
