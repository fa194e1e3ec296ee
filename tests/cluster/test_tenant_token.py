"""What a service account's token opens at the operator: a sidecar's its own namespace's policies, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from costward_contract.delta import parts_of, snapshot_of
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryStub
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_extproc.control_plane import ControlPlane
from costward_operator.app import World

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, installed_costward, operating
from tests.cluster.bench.policies import apply, condition, policy, until_true
from tests.fakes.running_delivery import following

BOT = "bot"


@pytest.fixture
def installed(api: Api, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path) as costward:
        yield costward


@pytest.fixture
def teams(api: Api) -> Iterator[tuple[Api, Api]]:
    """Two tenants' namespaces, each with an account `bot` and a policy."""
    both = tuple(api.in_namespace(f"{api.namespace}-{name}") for name in ("a", "b"))
    for team in both:
        api.kubectl("create", "namespace", team.namespace)
        team.kubectl("create", "serviceaccount", BOT)
        team.apply(policy(team.namespace))
    yield both[0], both[1]
    for team in both:
        api.kubectl("delete", "namespace", team.namespace, "--wait=false")


@pytest.fixture
def admin() -> list[int]:
    """The operator's admin port, once it runs."""
    return []


@pytest.fixture
async def address(installed: Installed, teams: tuple[Api, Api], admin: list[int]) -> AsyncIterator[str]:
    async with operating(installed.settings(), World(me="a", started=admin.append)) as served:
        # Until then it does not lead, and turns everybody away.
        await until_true(lambda: condition(teams[0].get("costpolicy", "bot"), "Accepted") == "True/Accepted")
        yield served


def namespaces(plane: StreamSnapshots) -> set[str]:
    return {each.namespace for each in plane.current.policies}


async def test_a_sidecar_gets_its_own_namespaces_policies_and_the_shared_one_all(
    installed: Installed, teams: tuple[Api, Api], address: str, tmp_path: Path
) -> None:
    mine, theirs = teams
    shared, sidecar = installed.source(address, "shared"), installed.source(address, "sidecar", BOT, mine)
    async with following(shared, tmp_path / "shared") as all_of, following(sidecar, tmp_path / "own") as own:
        await until_true(lambda: {mine.namespace, theirs.namespace} <= namespaces(all_of))
        await until_true(lambda: own.has_any)

        assert namespaces(own) == {mine.namespace}
        assert own.current.hash != all_of.current.hash
        # Nor when the other's changes: no byte of it is sent here.
        before = own.current.hash
        await apply(theirs, tmp_path, policy(theirs.namespace, limit="9"))
        await until_true(lambda: 9_000_000 in _limits(all_of, theirs))
        assert (namespaces(own), own.current.hash) == ({mine.namespace}, before)


async def test_a_sidecar_that_names_itself_after_another_still_gets_and_tells_of_its_own(
    installed: Installed, teams: tuple[Api, Api], address: str, tmp_path: Path
) -> None:
    """Neither a node's name nor the hash of another's snapshot opens anything: the token alone says who it is."""
    mine, theirs = teams
    victim = installed.source(address, "victim", BOT, theirs)
    async with following(victim, tmp_path / "victim") as held:
        await until_true(lambda: held.has_any)
        await until_true(lambda: condition(theirs.get("costpolicy", "bot"), "Programmed") == "False/Unproven")

        liar = replace(installed.source(address, "liar", BOT, mine), node="victim")
        async with _called(liar, address) as call:
            await call.write(wire.Told(hello=wire.Hello(node="victim", version="x", holds=held.current.hash)))
            update = await call.read()
            await call.write(wire.Told(nack=wire.Nack(hash=held.current.hash, reason="to be blamed on another")))
            # Its own team's status shows it; only then has the operator looked.
            await until_true(lambda: condition(mine.get("costpolicy", "bot"), "Degraded") == "True/RejectedByDataPlane")

            assert update.hash != held.current.hash
            assert {each.namespace for each in _policies(update)} == {mine.namespace}
            assert condition(theirs.get("costpolicy", "bot"), "Degraded") == "False/Healthy"
            assert condition(theirs.get("costpolicy", "bot"), "Programmed") == "False/Unproven"


async def test_a_sidecar_reports_for_its_own_namespace_only(
    installed: Installed, teams: tuple[Api, Api], address: str, admin: list[int]
) -> None:
    mine, theirs = (team.namespace for team in teams)
    sums = [
        wire.Sum(policy=f"{theirs}/bot", workload=f"{theirs}/bot", exchanges=7, last=int(time.time())),
        wire.Sum(policy=f"{theirs}/bot", workload=f"{mine}/bot", exchanges=7, last=int(time.time())),
        wire.Sum(policy=f"{mine}/bot", workload=f"{mine}/bot", exchanges=3, last=int(time.time())),
    ]
    async with _called(installed.source(address, "sidecar", BOT, teams[0]), address) as call:
        await call.write(wire.Told(hello=wire.Hello(node="sidecar", version="x")))
        await call.write(wire.Told(pulse=wire.Pulse(serving=True, since=1, sums=sums)))

        await until_true(lambda: f"{mine}/bot" in _reported(admin[0]))

        assert {policy: sums["exchanges"] for policy, sums in _reported(admin[0]).items()} == {f"{mine}/bot": 3}
        # What came for its own namespace proves its own policy, and no other's.
        await until_true(lambda: condition(teams[0].get("costpolicy", "bot"), "Degraded") == "False/Healthy")
        assert condition(teams[1].get("costpolicy", "bot"), "Programmed") != "True/Seen"


@pytest.mark.parametrize(
    "token_of",
    [
        lambda team: team.token_for(BOT),
        lambda team: team.token_for(BOT, "vault"),
        lambda team: "made-up",
    ],
    ids=["for-the-api-server", "for-another-product", "made-up"],
)
async def test_another_token_opens_nothing(
    installed: Installed, teams: tuple[Api, Api], address: str, token_of: Callable[[Api], str]
) -> None:
    source = installed.source(address, "stranger", BOT, teams[0])
    source.token.write_text(await asyncio.to_thread(token_of, teams[0]))
    async with _called(source, address) as call:
        await call.write(wire.Told(hello=wire.Hello(node="stranger", version="x")))

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@asynccontextmanager
async def _called(source: ControlPlane, address: str) -> AsyncIterator[Any]:
    """A stream that says what the test wants, not what a data plane would."""
    credentials, metadata = source.credentials()
    async with grpc.aio.secure_channel(address, credentials, source.options([])) as channel:
        call = DeliveryStub(channel).Follow(metadata=metadata)
        yield call
        call.cancel()


def _reported(port: int) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/planes").json()["policies"]
    return found


def _policies(update: wire.Update) -> list[Any]:
    return list(snapshot_of(parts_of(update.whole), {}).policies)


def _limits(plane: StreamSnapshots, team: Api) -> set[int]:
    mine = [each for each in plane.current.policies if each.namespace == team.namespace]
    return {cap.limit for each in mine for tier in each.tiers for cap in tier.caps}
