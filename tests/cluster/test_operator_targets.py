"""Targets are looked up on a real API server with the chart's rights: missing, there without pods, served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_operator.app import World

from tests.cluster.bench.api import Api
from tests.cluster.bench.audit import asked_by
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.costward import Installed, installed_costward, operating
from tests.cluster.bench.policies import apply, condition, platform_policy, policy, until_true
from tests.fakes.running_delivery import following


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


@pytest.fixture
def platform(api: Api) -> Iterator[str]:
    yield api.namespace
    api.kubectl("delete", "clustercostpolicy", api.namespace, "--ignore-not-found")


def for_a_service(namespace: str) -> dict[str, Any]:
    body = policy(namespace)
    return {**body, "spec": {**body["spec"], "targetRefs": [{"kind": "Service", "name": "llm"}]}}


def service() -> dict[str, Any]:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "llm"}, "spec": {"ports": ports}}


def endpoints() -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "llm-1", "labels": {"kubernetes.io/service-name": "llm"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.9.9.9"], "conditions": {"ready": True}}],
        "ports": [{"port": 80}],
    }


def resolved(api: Api) -> str:
    return condition(api.get("costpolicy", "bot"), "ResolvedRefs")


async def test_a_status_follows_its_target(
    plane: StreamSnapshots, api: Api, control_plane: ControlPlane, tmp_path: Path
) -> None:
    await apply(api, tmp_path, for_a_service(api.namespace))
    await until_true(lambda: resolved(api) == "False/TargetNotFound")
    assert condition(api.get("costpolicy", "bot"), "Accepted") == "False/TargetNotFound"

    api.apply(service())
    await until_true(lambda: resolved(api) == "False/TargetNotServed")
    await until_true(lambda: [each.policy.ref for each in plane.current.destinations] == [f"{api.namespace}/bot"])

    api.apply(endpoints())
    await until_true(lambda: resolved(api) == "True/ResolvedRefs")

    user = f"system:serviceaccount:{api.namespace}:costward-operator"
    asked = list(asked_by(control_plane.audit_log, user))
    assert [one for one in asked if one.decision == "forbid"] == []
    assert {(one.verb, one.namespace) for one in asked if one.resource == "services"} == {("list", api.namespace)}


async def test_a_platforms_policy_governs_a_namespace_without_any_policy(
    plane: StreamSnapshots, api: Api, platform: str, tmp_path: Path
) -> None:
    body = platform_policy(platform, api.namespace)
    del body["spec"]["targetRefs"]

    await apply(api, tmp_path, body)

    await until_true(lambda: f"default/{platform}.cluster" in {each.ref for each in plane.current.policies})
