"""A policy that changes fifty times a second: the last word comes into force, in fewer snapshots than changes."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import LARGE, SMALL, governing, policy
from tests.cluster.bench.policies import until_true
from tests.fakes.fault_rows import Row

CHANGES = 151
"""Three seconds of them; an odd number, so that the last is another than the first."""
A_SECOND = 50


@pytest.mark.fault("O4", "a real policy that changes fifty times a second for 3 s")
async def test_a_restless_policy(api: Api, tmp_path: Path, row: Row) -> None:
    async with governing(api, tmp_path) as case:
        before = await case.metric("publishes_total")
        async with case.plane.asked(row, SMALL, LARGE):
            await _flap(api)
            began = time.monotonic()
            await case.plane.until(LARGE)
            await until_true(lambda: _is_told(api.get("costpolicy", "bot")))
            row.recovery_s = time.monotonic() - began
        publishes = int(await case.metric("publishes_total") - before)
        writes = [one for one in api.items("events") if one["involvedObject"]["name"] == "bot"]
        assert publishes <= CHANGES / 3
        assert len(writes) <= publishes
    row.said = f"{CHANGES} changes, {publishes} snapshots"


async def _flap(api: Api) -> None:
    path = f"/apis/costward.dev/v1alpha1/namespaces/{api.namespace}/costpolicies/bot"
    headers = {"authorization": f"Bearer {api.token}", "content-type": "application/merge-patch+json"}
    tls = ssl.create_default_context(cafile=str(api.ca))
    async with httpx.AsyncClient(base_url=api.url, headers=headers, verify=tls) as client, asyncio.TaskGroup() as group:
        for number in range(CHANGES):
            spec = policy(api.namespace, (LARGE, SMALL)[number % 2])["spec"]
            group.create_task(_patch(client, path, {"spec": spec}, number == CHANGES - 1))
            await asyncio.sleep(1 / A_SECOND)


async def _patch(client: httpx.AsyncClient, path: str, body: dict[str, Any], is_last: bool) -> None:
    # Behind those that are still on their way.
    await asyncio.sleep(1.0 if is_last else 0.0)
    (await client.patch(path, json=body, timeout=30)).raise_for_status()


def _is_told(bot: dict[str, Any]) -> bool:
    return bool(bot["status"]["observedGeneration"] == bot["metadata"]["generation"])
