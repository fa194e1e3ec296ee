"""SIGHUP replaces all workers under load: no exchange fails, no stream is cut, and none passes unseen (promise P9).

The filter fails closed here, so that whatever the workers dropped would be an error that a caller sees.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

import psutil
import pytest
from costward_cli.ports_free import free_port

from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.load import Load
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

WORKERS = 2


def worker_pids(stack: RunningStack) -> set[int]:
    supervisor = stack.stack.data_plane_pid
    assert supervisor is not None
    return {child.pid for child in psutil.Process(supervisor).children()}


@pytest.mark.fault("E3", "both workers replaced under load, failing closed")
async def test_all_workers_are_replaced_and_no_caller_notices(row: Row) -> None:
    async with running_stack(
        policy(), chunk_ms=20, workers=WORKERS, failure_mode_allow=False, admin_port=free_port()
    ) as stack:
        supervisor = stack.stack.data_plane_pid
        assert supervisor is not None
        before, loop = worker_pids(stack), asyncio.get_running_loop()
        await stack.fault(delayMs=150)
        async with Load(stack.client, workers=12) as load:
            await asyncio.sleep(1)
            began = loop.time()
            psutil.Process(supervisor).send_signal(signal.SIGHUP)
            await until(lambda: f"all {WORKERS} workers are replaced" in stack.log, "the end of the restart", 60)
            took = loop.time() - began
            await asyncio.sleep(1)
        await stack.fault()
        figures = {
            "seconds": round(took, 1),
            "exchanges": len(load.exchanges),
            "streams": sum(e.kind == "stream" for e in load.exchanges),
            "running": sum(e.started < began + took and e.ended > began for e in load.exchanges),
            "byStatus": {str(status): n for status, n in Counter(e.status for e in load.exchanges).items()},
            "undecided": sum(e.decision is None for e in load.exchanges),
            "incomplete": [vars(e) for e in load.exchanges if not e.whole],
        }
        row.exchanges, row.failed = len(load.exchanges), sum(not exchange.whole for exchange in load.exchanges)
        row.said = f"{figures['running']} running at that time, {figures['undecided']} passed undecided"
        keep("rolling", figures)
        assert figures["incomplete"] == []
        assert figures["undecided"] == 0
        assert figures["byStatus"] == {"200": len(load.exchanges)}

        await until(lambda: len(worker_pids(stack)) == WORKERS, "the end of the old workers")
        assert before.isdisjoint(worker_pids(stack))
        await stack.settled()
        await until(lambda: len(stack.decisions) == len(load.exchanges), "the last record")
        assert {record["end"] for record in stack.decisions.values()} == {"complete"}
        assert await stack.metric("costward_exchanges_total") == len(load.exchanges), "of all generations"
        assert await stack.metric("costward_worker_restarts_total") == 0, "nothing died unasked"
