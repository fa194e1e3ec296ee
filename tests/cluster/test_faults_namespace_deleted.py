"""A namespace deleted with its policies: they go, all others stay in force, and nothing holds the namespace back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.governed import SMALL, governing, policy
from tests.fakes.fault_rows import Row

OTHERS = 5


@pytest.mark.fault("O4", "a namespace deleted with its policies")
async def test_a_namespace_that_is_deleted(api: Api, tmp_path: Path, row: Row) -> None:
    other = f"{api.namespace}-other"
    api.kubectl("create", "namespace", other)
    others = [policy(other, name=f"bot-{number}") for number in range(OTHERS)]
    await _until_quiet(api)
    async with governing(api, tmp_path, prepared=lambda: api.apply(*others)) as case:
        known = await case.policies()
        async with case.plane.asked(row, SMALL):
            began = time.monotonic()
            await asyncio.to_thread(api.kubectl, "delete", "namespace", other, "--wait=false")
            await case.until_knows(known - OTHERS)
            row.recovery_s = time.monotonic() - began
            # No finalizer of ours keeps it.
            await _until_gone(api, other)
        assert await case.changes_in() < 10


async def _until_quiet(api: Api) -> None:
    """Other tests' namespaces are gone, and their policies with them."""
    async with asyncio.timeout(60):
        while "Terminating" in await asyncio.to_thread(api.kubectl, "get", "namespaces"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def _until_gone(api: Api, namespace: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await asyncio.to_thread(api.kubectl, "get", "namespace", namespace)
            except CallError:
                return
            await asyncio.sleep(0.2)
