"""kill -9 of one of two workers under load: the other carries on, no caller fails, and the dead one is back soon."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

import psutil
import pytest
from costward_cli.ports_free import free_port

from tests.fakes.figures import keep
from tests.fakes.load import Load
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LEASE_S = 3.0


def workers(stack: RunningStack) -> list[psutil.Process]:
    supervisor = stack.stack.data_plane_pid
    assert supervisor is not None
    return psutil.Process(supervisor).children()


async def test_no_caller_fails_and_the_worker_comes_back() -> None:
    async with running_stack(policy(), chunk_ms=20, workers=2, lease_seconds=LEASE_S, admin_port=free_port()) as stack:
        await stack.fault(delayMs=150)
        async with Load(stack.client, workers=12) as load:
            await asyncio.sleep(2)
            counted = await stack.metric("costward_exchanges_total")
            began = asyncio.get_running_loop().time()
            os.kill(workers(stack)[0].pid, signal.SIGKILL)
            await until(lambda: stack.log.count("INFO costward_extproc.supervisor: worker 0 serves") == 2, "it", 45)
            back = asyncio.get_running_loop().time() - began
            await asyncio.sleep(2)
        await stack.fault()
        figures = {
            "exchanges": len(load.exchanges),
            "byStatus": {str(status): n for status, n in Counter(e.status for e in load.exchanges).items()},
            "inFlightAtKill": sum(e.started < began < e.ended for e in load.exchanges),
            "letThrough": await stack.stack.let_through(),
            "backSeconds": round(back, 2),
            "incomplete": [vars(e) for e in load.exchanges if not e.whole],
        }
        keep("restart-worker", figures)
        assert figures["incomplete"] == [], figures
        undecided = sum(e.decision is None for e in load.exchanges)
        assert undecided < len(load.exchanges) / 2, "the other one decided meanwhile"
        assert await stack.metric("costward_worker_restarts_total", worker="0") == 1
        assert await stack.metric("costward_worker_restarts_total", worker="1") == 0
        assert await stack.metric("costward_workers_serving") == 2
        assert await stack.metric("costward_exchanges_total") > counted, "no counter went back with the dead one"
        books = await stack.settled(LEASE_S + 10)
        assert books.reserved == 0, "what died with it ended by its lease"
        assert books.spent <= (await stack.bill())["microUSD"]
