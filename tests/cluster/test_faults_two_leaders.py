"""A leader that stops dead, a standby that takes over, and the old leader that wakes: one of them writes at a time."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, RunningOperator, installed_costward
from tests.cluster.bench.governed import LARGE, SMALL, governed, policy, started, until_logged
from tests.fakes.fault_rows import Row

WAKES_S = 1.0
"""In which an old leader would have done all its harm: it looks at the world twice in it."""


@pytest.mark.fault("O3", "a leader stopped, a standby that takes over, and the old one awake again")
async def test_two_leaders(api: Api, tmp_path: Path, row: Row) -> None:
    with installed_costward(api, tmp_path) as installed:
        api.apply(policy(api.namespace))
        old, new = _replica(installed, "old"), _replica(installed, "new")
        try:
            await _take_over(installed, old, new, row)
        finally:
            for each in (old, new):
                await asyncio.to_thread(each.process.stop)


async def _take_over(installed: Installed, old: RunningOperator, new: RunningOperator, row: Row) -> None:
    api = installed.api
    await started(old.process)
    await until_logged(old, "leading as")
    await started(new.process)
    # At the address of the standby, as a Service may well choose it.
    async with governed(installed, new.address, api) as plane:
        await plane.until(SMALL)
        async with plane.asked(row, SMALL, LARGE):
            old.process.signal(signal.SIGSTOP)
            began = time.monotonic()
            await asyncio.to_thread(api.apply, policy(api.namespace, LARGE))
            await plane.until(LARGE)
            row.recovery_s = time.monotonic() - began
            said = old.process.log.read_text()
            old.process.signal(signal.SIGCONT)
            await until_logged(old, "ends, to be started again")
            await asyncio.sleep(WAKES_S)
            assert await plane.model() == LARGE
        assert "published" not in old.process.log.read_text().removeprefix(said)
    row.said = "the old one ends without another word"


def _replica(installed: Installed, name: str) -> RunningOperator:
    replica = installed.operator(name)
    advertised = {**replica.process.env, "COSTWARD_DELIVERY_ADVERTISE": replica.address}
    replica.process.env = advertised
    return replica
