"""SIGKILL and rolling restarts of the data plane in the middle of mixed traffic."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import islice

from tests.fakes.mixed_books import Kills
from tests.fakes.mixed_run import MixedRun, Outcome
from tests.fakes.mixed_traffic import Exchange
from tests.fakes.running_stack import until

PHASES = {"headers", "body", "stream"}
"""What each kill has to catch."""
_ENVOY_NOTICES_S = 0.6
"""A worker that is back is probed every 250 ms; what began after this was seen by it."""
_BACK_S = 90.0
_RESTLESS = 4
"""Callers that go on while the data plane is down: some always find nobody there."""
_BATCH = 4
"""Exchanges on one connection, as far as they let it be."""


async def kill_again_and_again(run: MixedRun, every_s: float, most: int, kills: Kills) -> None:
    """Each time with an exchange in every phase that the process has seen. Until cancelled, or `most` times."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    while len(kills.at) < most:
        since = loop.time() + _ENVOY_NOTICES_S
        await until(partial(_in_every_phase, run, since), "an exchange in every phase", 20)
        await asyncio.sleep(max(last + every_s - loop.time(), 0))
        await until(partial(_in_every_phase, run, since), "an exchange in every phase", 20)
        pid = run.stack.stack.data_plane_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        last = loop.time()
        kills.phases.append(dict(run.phases(since)))
        kills.at.append(last)
        await until(partial(_is_back, run, len(kills.at)), "its return", _BACK_S)
        kills.down_s.append(round(loop.time() - last, 2))


async def play_with_kills(
    run: MixedRun, playing: Awaitable[object], every_s: float, most: int, kills: Kills | None = None
) -> Kills:
    """Until the traffic has ended; a kill that still waits for its moment then is left out. `kills`: to be filled in,
    for whoever looks at them meanwhile."""
    kills = kills or Kills()
    killing = asyncio.create_task(kill_again_and_again(run, every_s, most, kills))
    await playing
    if len(kills.down_s) < len(kills.at):
        await until(lambda: len(kills.down_s) == len(kills.at), "its return", _BACK_S)
    killing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await killing
    return kills


async def play_gently(
    run: MixedRun, exchanges: Iterable[Exchange], callers: int, kills: Kills, on_done: Callable[[Outcome], None]
) -> None:
    """All of them, `callers` at once while it serves; but for a few, they rest while it is down. Else most would pass
    unseen, and take from its start the processor that callers elsewhere would not."""
    waiting = iter(exchanges)

    async def ask(rests: bool) -> None:
        while some := list(islice(waiting, _BATCH)):
            if rests:
                await until(lambda: len(kills.down_s) == len(kills.at), "its return", _BACK_S)
            await run.play(some, 1, on_done)

    await asyncio.gather(*(ask(number >= _RESTLESS) for number in range(callers)))


def _in_every_phase(run: MixedRun, since: float) -> bool:
    return set(run.phases(since)) >= PHASES


def _is_back(run: MixedRun, kills: int) -> bool:
    return sum("serves again" in event for event in run.stack.events) >= kills


async def restart_workers(run: MixedRun, workers: int) -> float:
    """Replace all of them, one after the other, and return how many seconds that took."""
    loop = asyncio.get_running_loop()
    pid, began = run.stack.stack.data_plane_pid, loop.time()
    assert pid is not None
    done = run.stack.log.count("workers are replaced")
    os.kill(pid, signal.SIGHUP)
    words = f"the end of the restart of {workers} workers"
    await until(lambda: run.stack.log.count("workers are replaced") > done, words, 90)
    return loop.time() - began
