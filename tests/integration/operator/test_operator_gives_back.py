"""An operator that is told to stop gives its lease back at once, so that the next one need not wait for its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.apiserver import ApiServer
from tests.fakes.apiserver_objects import policy
from tests.fakes.apiserver_operator import condition, operator

pytestmark = pytest.mark.slow

LEASE = ("leases", "costward-system", "costward-operator")


async def test_the_lease_is_given_back(api: ApiServer, tmp_path: Path) -> None:
    await api.state.put("costpolicies", policy("a"))
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        assert api.state.get(LEASE)["spec"]["holderIdentity"] == "a"
        running.stop.set()
        await running.task

        assert api.state.get(LEASE)["spec"]["holderIdentity"] == ""


async def test_the_platforms_policy_is_in_force_and_its_status_says_so(api: ApiServer, tmp_path: Path) -> None:
    platform = policy("platform", "")
    platform["kind"] = "ClusterCostPolicy"
    del platform["metadata"]["namespace"]
    caps = [{"per": "Workload", "window": "Day", "limitUSD": "1"}]
    platform["spec"] = {"owner": {"team": "platform"}, "overrides": {"tiers": [{"name": "all", "caps": caps}]}}
    await api.state.put("clustercostpolicies", platform)
    await api.state.put("costpolicies", policy("a"))
    async with operator(api, tmp_path) as running:
        await running.until(lambda: condition(api, "a", "Ready") == "True/Ready")
        tiers = running.planes.published[-1].policies[0].tiers

        assert [cap.scope for cap in tiers[0].caps] == ["platform"]
