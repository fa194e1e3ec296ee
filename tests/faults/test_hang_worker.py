"""One of two workers hangs without dying: who met it waits for the message time-out once, then the other decides all.
A ledger that another process has locked costs our own deadline, not the proxy's (promise P3)."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time

import psutil
import pytest
from costward_extproc.adapters.turns import Turns

from tests.fakes.figures import keep
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MESSAGE_TIMEOUT_S = 1.0
"""The wiring's."""
DEADLINE_S = 0.2
SLACK_S = 10.0
"""What the provider, the client and a busy machine take besides."""


async def timed(stack: RunningStack, name: str, user: str) -> tuple[float, str | None]:
    began = time.monotonic()
    response = await stack.ask(f"repeat {len(name)} words", user=user)
    assert response.status_code == 200
    return time.monotonic() - began, response.headers.get("x-costward-decision")


async def test_the_other_decides_everything_once_the_proxy_has_noticed() -> None:
    async with running_stack(policy(), workers=2) as stack:
        supervisor = stack.stack.data_plane_pid
        assert supervisor is not None
        stuck = psutil.Process(supervisor).children()[0]
        stuck.suspend()
        try:
            await until(lambda: stuck.status() == psutil.STATUS_STOPPED, "the stop")
            met = await asyncio.gather(*(timed(stack, "x" * n, f"first-{n}") for n in range(1, 9)))
            # Its health check fails twice, a second each.
            await asyncio.sleep(2.5)
            after = [await timed(stack, "y" * n, f"second-{n}") for n in range(1, 9)]
        finally:
            stuck.resume()
        keep("hang-worker", {"waitedMost": max(took for took, _ in met), "then": max(took for took, _ in after)})
        assert max(took for took, _ in met) < MESSAGE_TIMEOUT_S + SLACK_S
        assert {decision for _, decision in after} == {"pass"}, "all decided, by the other"
        # Each that met it would have waited for a message time-out.
        assert statistics.median(took for took, _ in after) < MESSAGE_TIMEOUT_S
        assert "was ended" not in stack.log, "a moment's hang is no reason to kill it"


async def test_a_locked_ledger_costs_our_deadline_only() -> None:
    async with running_stack(policy(), workers=2) as stack:
        assert (await timed(stack, "warm", "warm"))[1] == "pass"
        path = stack.state_dir / "ledger.sqlite"
        lock, turns = sqlite3.connect(path, isolation_level=None), Turns(path)
        assert turns.take(5)
        lock.execute("BEGIN IMMEDIATE")
        try:
            took = [await timed(stack, f"locked-{n}", f"locked-{n}") for n in range(4)]
        finally:
            lock.execute("ROLLBACK")
            lock.close()
            turns.give()
            turns.close()
        assert {decision for _, decision in took} == {"pass"}
        assert max(seconds for seconds, _ in took) < DEADLINE_S + SLACK_S
        await until(lambda: len(stack.decisions) == 5, "the records")
        warned = [record for record in stack.decisions.values() if "ledger-unavailable" in record["warnings"]]
        assert len(warned) == 4
        assert await stack.stack.let_through() == 0
        _, decision = await timed(stack, "again", "again")
        assert decision == "pass"
        await until(lambda: len(stack.decisions) == 6, "the last record")
        assert list(stack.decisions.values())[-1]["warnings"] == []


async def test_a_worker_that_is_stopped_in_its_turn_does_not_take_the_ledger_with_it() -> None:
    """Its place in the queue is lost with it for a while, the file's own lock is not."""
    async with running_stack(policy(), workers=2) as stack:
        assert (await timed(stack, "warm", "warm"))[1] == "pass"
        turns = Turns(stack.state_dir / "ledger.sqlite")
        assert turns.take(5)
        try:
            took = [await timed(stack, f"held-{n}", f"held-{n}") for n in range(4)]
        finally:
            turns.give()
            turns.close()
        assert max(seconds for seconds, _ in took) < DEADLINE_S + SLACK_S
        await until(lambda: len(stack.decisions) == 5, "the records")
        assert [record["warnings"] for record in stack.decisions.values()] == [[]] * 5, "reserved all the same"
