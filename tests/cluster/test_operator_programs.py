"""A policy of either kind that is applied to a real API server reaches a data plane, and its status says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_operator.app import World
from costward_operator.core.delivery import Proof

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, installed_costward, operating
from tests.cluster.bench.policies import apply, condition, platform_policy, policy, until_true
from tests.fakes.running_delivery import following


@pytest.fixture
def installed(api: Api, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path) as costward:
        yield costward


class Seen:
    """Whatever is asked about was seen in the path: what proves it is another test's."""

    def __init__(self, *refs: str) -> None:
        self._refs = refs

    @property
    def proofs(self) -> Mapping[str, Proof]:
        return {ref: Proof("Seen", "exchanges came") for ref in self._refs}


@pytest.fixture
def platform(api: Api) -> Iterator[str]:
    """Name of a ClusterCostPolicy that is gone after the test: it is the whole cluster's."""
    yield api.namespace
    api.kubectl("delete", "clustercostpolicy", api.namespace, "--ignore-not-found")


@pytest.fixture
async def plane(installed: Installed, platform: str, tmp_path: Path) -> AsyncIterator[StreamSnapshots]:
    proofs = Seen(f"{installed.api.namespace}/bot", platform)
    async with (
        operating(installed.settings(), World(me="a", proofs=proofs)) as address,
        following(installed.source(address, "plane"), tmp_path / "good") as connected,
    ):
        yield connected


async def test_a_policy_is_programmed_once_a_data_plane_has_it(
    plane: StreamSnapshots, api: Api, tmp_path: Path
) -> None:
    await apply(api, tmp_path, policy(api.namespace))

    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Ready") == "True/Ready")

    bot = api.get("costpolicy", "bot")
    told = {type: condition(bot, type) for type in ("Accepted", "ResolvedRefs", "Programmed")}
    assert told == {"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs", "Programmed": "True/Seen"}
    (in_force,) = [each for each in plane.current.policies if each.ref == f"{api.namespace}/bot"]
    assert in_force.tiers[0].caps[0].limit == 5_000_000
    (ancestor,) = bot["status"]["ancestors"]
    assert ancestor["ancestorRef"]["name"] == api.namespace
    assert {each["type"]: each["status"] for each in ancestor["conditions"]} == dict.fromkeys(told, "True")


async def test_a_platform_policy_is_programmed_and_its_cap_is_in_force(
    plane: StreamSnapshots, api: Api, platform: str, tmp_path: Path
) -> None:
    await apply(api, tmp_path, policy(api.namespace))
    await apply(api, tmp_path, platform_policy(platform, api.namespace))

    await until_true(lambda: condition(api.get("clustercostpolicy", platform), "Ready") == "True/Ready")
    # Each kind has a watch of its own, so either may be known first.
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Ready") == "True/Ready")

    told = api.get("clustercostpolicy", platform)
    assert condition(told, "Programmed") == "True/Seen"
    assert told["status"]["ancestors"][0]["ancestorRef"]["kind"] == "Namespace"
    (in_force,) = [each for each in plane.current.policies if each.ref == f"{api.namespace}/bot"]
    assert [cap.scope for cap in in_force.tiers[0].caps] == ["", platform]


async def test_a_changed_policy_is_told_of_its_new_generation(plane: StreamSnapshots, api: Api, tmp_path: Path) -> None:
    await apply(api, tmp_path, policy(api.namespace))
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Ready") == "True/Ready")

    await apply(api, tmp_path, policy(api.namespace, limit="7"))

    await until_true(lambda: api.get("costpolicy", "bot")["status"]["observedGeneration"] == 2)
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Programmed") == "True/Seen")
    (in_force,) = [each for each in plane.current.policies if each.ref == f"{api.namespace}/bot"]
    assert in_force.tiers[0].caps[0].limit == 7_000_000


async def test_true_statuses_are_not_written_again(plane: StreamSnapshots, api: Api, tmp_path: Path) -> None:
    await apply(api, tmp_path, policy(api.namespace))
    await until_true(lambda: condition(api.get("costpolicy", "bot"), "Ready") == "True/Ready")
    before = api.get("costpolicy", "bot")["metadata"]["resourceVersion"]

    await asyncio.sleep(2)

    assert api.get("costpolicy", "bot")["metadata"]["resourceVersion"] == before
