"""A worker that hangs for seconds: its first callers wait for Envoy's message time-out, and then it is out of the path
(promises P1 and P3)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HANGS_S = 5.0
OUT_S = 2.5
"""Two missed probes of half a second, and what a busy machine takes besides."""
MESSAGE_TIMEOUT_S = 1.0
SLACK_S = 10.0


@contextlib.asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the stop")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def timed(stack: RunningStack, name: str) -> tuple[float, int, str | None]:
    """Seconds, status and decision of one exchange."""
    begun = time.monotonic()
    response = await stack.ask("repeat 3 words", user=name)
    return time.monotonic() - begun, response.status_code, response.headers.get("x-costward-decision")


async def steadily(stack: RunningStack, seconds: float, name: str) -> list[tuple[float, float, int, str | None]]:
    """Exchanges begun twenty times a second, each with when it began."""
    begun = time.monotonic()
    asked: list[tuple[float, asyncio.Task[Any]]] = []
    while (since := time.monotonic() - begun) < seconds:
        asked.append((since, asyncio.create_task(timed(stack, f"{name}-{len(asked)}"))))
        await asyncio.sleep(0.05)
    return [(since, *(await task)) for since, task in asked]


async def decides_again(stack: RunningStack, name: str) -> float:
    """Seconds until exchanges are decided as before."""
    begun = time.monotonic()
    number = 0
    while (await timed(stack, f"{name}-back-{number}"))[2] is None:
        number += 1
        assert time.monotonic() - begun < 15, "it does not decide again"
    return time.monotonic() - begun


@pytest.mark.fault("E2", "the only worker stopped for 5 s")
async def test_with_one_worker_callers_soon_pass_at_once(row: Row) -> None:
    async with running_stack(policy()) as stack:
        assert (await timed(stack, "first"))[1:] == (200, "pass")
        pid = stack.stack.data_plane_pid
        assert pid is not None
        async with stopped(pid):
            seen = await steadily(stack, HANGS_S, "hung")
        row.exchanges, row.failed = len(seen), sum(status != 200 for _, _, status, _ in seen)
        row.recovery_s = await decides_again(stack, "one")
        waited = max(took for _, took, _, _ in seen)
        late = [took for since, took, _, _ in seen if since > OUT_S]
        let_through = await stack.stack.let_through()
        row.said = f"waited {waited:.2f} s at most, after {OUT_S:g} s {max(late):.2f} s; {let_through} let through"
        keep("hang-one-worker", vars(row))
        assert row.failed == 0
        assert waited < MESSAGE_TIMEOUT_S + SLACK_S
        assert statistics.median(late) < MESSAGE_TIMEOUT_S, "it is still waited for"
        assert let_through >= sum(decision is None for _, _, _, decision in seen)
        assert stack.stack.restarts == 0


@pytest.mark.fault("E2", "one of two workers stopped for 5 s")
async def test_with_two_workers_the_other_one_decides(row: Row) -> None:
    async with running_stack(policy(), workers=2) as stack:
        parent = stack.stack.data_plane_pid
        assert parent is not None
        await until(lambda: len(workers(parent)) == 2, "both workers")
        assert (await timed(stack, "first"))[1:] == (200, "pass")
        async with stopped(workers(parent)[0]):
            seen = await steadily(stack, HANGS_S, "hung")
        row.exchanges, row.failed = len(seen), sum(status != 200 for _, _, status, _ in seen)
        waited = max(took for _, took, _, _ in seen)
        late = [decision for since, _, _, decision in seen if since > OUT_S]
        undecided = sum(decision is None for _, _, _, decision in seen)
        row.recovery_s = await decides_again(stack, "two")
        row.said = f"waited {waited:.2f} s at most; {undecided} let through, none after {OUT_S:g} s"
        keep("hang-two-workers", vars(row))
        assert row.failed == 0
        assert waited < MESSAGE_TIMEOUT_S + SLACK_S
        assert set(late) == {"pass"}, "exchanges still go to the worker that hangs"


def workers(parent: int) -> list[int]:
    """Processes that the supervisor keeps for exchanges, lowest first."""
    found = psutil.Process(parent).children()
    return sorted(child.pid for child in found if "-m" in child.cmdline() and "costward_extproc" in child.cmdline())
