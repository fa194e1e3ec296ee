"""etcd and the API server restarted, and their past compacted away while the operator slept: what it could not be told
any more (a deletion, a change) it finds by itself."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.governed import LARGE, SMALL, governing, policy, started
from tests.fakes.fault_rows import Row

RESYNC_S = "3"
"""Instead of five minutes: what no watch tells is found by the LIST that comes so often."""


@pytest.mark.fault("O2", "a real etcd restarted and compacted while the operator was stopped (410)")
async def test_an_etcd_that_forgot(api: Api, tmp_path: Path, control_plane: ControlPlane, row: Row) -> None:
    def prepared() -> None:
        api.apply(policy(api.namespace, name="deleted"))

    async with governing(api, tmp_path, prepared, COSTWARD_RESYNC_SECONDS=RESYNC_S) as case:
        known = await case.policies()
        async with case.plane.asked(row, SMALL, LARGE):
            case.operator.process.signal(signal.SIGSTOP)
            await case.change()
            await asyncio.to_thread(api.kubectl, "delete", "costpolicy", "deleted")
            await _forget(control_plane)
            case.operator.process.signal(signal.SIGCONT)
            began = time.monotonic()
            await case.plane.until(LARGE)
            await case.until_knows(known - 1)
            row.recovery_s = time.monotonic() - began


async def _forget(plane: ControlPlane) -> None:
    store = next(word for word in plane.etcd.command if word.startswith("--listen-client-urls=")).partition("=")[2]
    await asyncio.to_thread(_compact, store)
    # The API server holds the past in memory too.
    plane.api_server.signal(signal.SIGKILL)
    plane.etcd.signal(signal.SIGKILL)
    await started(plane.etcd)
    await started(plane.api_server)


def _compact(store: str) -> None:
    """By etcd's JSON gateway, which takes keys as base64."""
    now: dict[str, Any] = httpx.post(f"{store}/v3/kv/range", json={"key": "AA=="}).raise_for_status().json()
    revision = now["header"]["revision"]
    httpx.post(f"{store}/v3/kv/compaction", json={"revision": revision, "physical": True}).raise_for_status()
