"""An answer that was there in time counts, also where our own event loop was too busy to see it; one that was not does
not (promise P3)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
import uvloop
from costward_extproc.deadline import within

DEADLINE_S = 0.05
STALL_S = 0.2
Loop = Callable[[], asyncio.AbstractEventLoop]


async def _answered_after(seconds: float) -> str:
    """By a thread, as a store's."""
    loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def put() -> None:
        if not answer.done():
            answer.set_result("answer")

    timer = threading.Timer(seconds, loop.call_soon_threadsafe, (put,))
    timer.start()
    try:
        result: str = await answer
        return result
    finally:
        timer.cancel()


async def _asked(seconds: float, stall_s: float) -> str:
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(within(loop.time() + DEADLINE_S, _answered_after(seconds)))
    await asyncio.sleep(0)
    loop.call_soon(time.sleep, stall_s)
    return await waiting


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_answer_in_time_counts_also_where_the_loop_stood_still(loop: Loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_asked(DEADLINE_S / 5, STALL_S)) == "answer"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("stall_s", [0.0, STALL_S])
def test_one_that_is_late_does_not(loop: Loop, stall_s: float) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            runner.run(_asked(10, stall_s))
        assert time.monotonic() - begun < STALL_S + 5
