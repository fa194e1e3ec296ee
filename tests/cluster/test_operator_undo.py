"""On a real API server people go back to the snapshot before with one annotation, and forward by taking it away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from costward_contract.chunks import INDEX, INDEX_KEY
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_operator.app import World
from costward_operator.core.rollout import PIN

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.costward import Installed, installed_costward, operating
from tests.cluster.bench.policies import apply, condition, policy, until_true
from tests.fakes.running_delivery import following

DOLLAR = 1_000_000


@pytest.fixture
def installed(api: Api, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path) as costward:
        yield costward


@pytest.fixture
async def plane(installed: Installed, tmp_path: Path) -> AsyncIterator[StreamSnapshots]:
    async with (
        operating(installed.settings(), World(me="a")) as address,
        following(installed.source(address, "plane"), tmp_path / "good") as connected,
    ):
        yield connected


def limit(plane: StreamSnapshots, api: Api) -> int:
    found = [each for each in plane.current.policies if each.namespace == api.namespace]
    return found[0].tiers[0].caps[0].limit if found else 0


def kept(api: Api) -> list[str]:
    """Hashes of the stored snapshots, newest first."""
    try:
        index = json.loads(api.get("configmap", INDEX)["data"][INDEX_KEY])
    except CallError:
        return []
    return [str(each["hash"]) for each in index["snapshots"]]


def pin(api: Api, hash: str) -> None:
    """By hand and in their own name: the operator's writes leave it alone."""
    api.kubectl("annotate", "--overwrite", "configmap", INDEX, f"{PIN}={hash}")


async def test_the_one_before_is_in_force_until_the_annotation_is_empty(
    plane: StreamSnapshots, api: Api, tmp_path: Path
) -> None:
    await apply(api, tmp_path, policy(api.namespace))
    # Stored ones can be gone back to; with nothing but this policy in it, if earlier tests left some.
    await until_true(lambda: limit(plane, api) == 5 * DOLLAR and kept(api)[:1] == [plane.current.hash])
    before = plane.current.hash
    await apply(api, tmp_path, policy(api.namespace, limit="7"))
    await until_true(lambda: limit(plane, api) == 7 * DOLLAR and kept(api)[:1] == [plane.current.hash])

    await asyncio.to_thread(pin, api, before)
    await until_true(lambda: (limit(plane, api), plane.current.hash) == (5 * DOLLAR, before))
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Programmed") == "False/HeldBack")

    # What comes meanwhile waits.
    await apply(api, tmp_path, policy(api.namespace, limit="9"))
    await until_true(lambda: api.get("costpolicy", "bot")["status"]["observedGeneration"] == 3)
    assert limit(plane, api) == 5 * DOLLAR

    await asyncio.to_thread(pin, api, "")
    await until_true(lambda: limit(plane, api) == 9 * DOLLAR)
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Programmed") == "False/Unproven")
