"""A coroutine begun at once: its result if it does not wait, else an awaitable for the rest, cancellable like it."""

from __future__ import annotations

import asyncio

import pytest
from costward_extproc.eager import Started


async def _after(turns: int, value: int) -> int:
    for _ in range(turns):
        await asyncio.sleep(0.001)
    return value


async def test_what_does_not_wait_is_done() -> None:
    started = Started(_after(0, 7))
    assert started.is_done
    assert started.value == 7


@pytest.mark.parametrize("turns", [1, 3])
async def test_what_waits_is_awaited(turns: int) -> None:
    started = Started(_after(turns, 7))
    assert not started.is_done
    assert await started == 7


async def test_an_error_before_the_first_wait_is_raised_at_once() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        Started(fail())


async def test_a_time_out_reaches_the_coroutine_which_may_clean_up() -> None:
    cleaned = []

    async def careful() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Started(careful())
    assert cleaned == [True]


async def test_a_coroutine_may_answer_its_cancellation() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "stayed"
        return "never"

    task = asyncio.ensure_future(_await(Started(stubborn())))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "stayed"


async def _await(started: Started[str]) -> str:
    return await started
