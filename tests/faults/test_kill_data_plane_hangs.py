"""A data plane that hangs without dying holds a caller for Envoy's message time-out at most (promise P3), and works
again as soon as it moves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.load import Load
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = pytest.mark.slow

MESSAGE_TIMEOUT_S = 1.0
"""The wiring's; after it Envoy goes on without us."""
SLACK_S = 10.0
"""What the provider, the client and a busy machine take besides."""
HANGS_S = 3.0


@contextlib.asynccontextmanager
async def stopped(stack: RunningStack) -> AsyncIterator[None]:
    pid = stack.stack.data_plane_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the stop")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def timed(stack: RunningStack, number: int, **more: Any) -> tuple[float, int, str | None]:
    started = time.monotonic()
    response = await stack.ask(f"repeat {number + 1} words", user=f"hanging-{number}", **more)
    return time.monotonic() - started, response.status_code, response.headers.get("x-costward-decision")


@pytest.mark.fault("E2", "stopped for 3 s under load")
async def test_requests_pass_within_the_message_time_out_and_decisions_return(row: Row) -> None:
    async with running_stack(policy(), chunk_ms=10) as stack:
        assert (await timed(stack, 0))[1:] == (200, "pass")
        async with Load(stack.client, workers=2) as load, stopped(stack):
            began = time.monotonic()
            waits = [await asyncio.gather(*(timed(stack, 10 * turn + n) for n in range(4))) for turn in range(1, 3)]
            await asyncio.sleep(max(0.0, HANGS_S - (time.monotonic() - began)))
        broken = [exchange for exchange in load.exchanges if not exchange.whole]
        row.exchanges, row.failed = len(load.exchanges), len(broken)
        assert broken == []
        took = [seconds for turn in waits for seconds, _, _ in turn]
        assert {(status, decision) for turn in waits for _, status, decision in turn} == {(200, None)}
        assert max(took) < MESSAGE_TIMEOUT_S + SLACK_S
        assert await stack.stack.let_through() >= len(took)

        awake = time.monotonic()
        number = 100
        while (await timed(stack, number))[2] is None:
            number += 1
            assert time.monotonic() - awake < 10, "it does not decide again"
        back = time.monotonic() - awake
        row.recovery_s, row.said = back, f"waited {max(took):.2f} s at most"
        assert stack.stack.restarts == 0
        keep("hang", {"waitedMostSeconds": round(max(took), 3), "backAfterSeconds": round(back, 3)})
