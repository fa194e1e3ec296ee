"""A running policy that asks for another `failurePolicy` than Envoy works by is told, once for each change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from costward_cli.failure_policy import watch

SAMPLE = (Path(__file__).resolve().parents[2] / "examples" / "policies" / "six-line.yaml").read_text()
CLOSED = SAMPLE.replace("spec:", "spec:\n  failurePolicy: Closed")


@contextlib.asynccontextmanager
async def watching(file: Path, in_force: bool) -> AsyncIterator[asyncio.Queue[str]]:
    told: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(watch(file, in_force, told.put_nowait, every=0.01))
    try:
        yield told
    finally:
        task.cancel()


async def next_sentence(told: asyncio.Queue[str]) -> str:
    return await asyncio.wait_for(told.get(), 10)


async def test_each_change_is_told_with_what_is_in_force(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(SAMPLE)
    async with watching(file, True) as told:
        file.write_text(CLOSED)
        assert "is now Closed, but Open is still in force" in await next_sentence(told)
        file.write_text(SAMPLE)
        assert "is Open again" in await next_sentence(told)
        assert told.empty()


async def test_a_policy_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(SAMPLE)
    async with watching(file, True) as told:
        file.write_text(CLOSED.replace("owner:", "ownr:"))
        await asyncio.sleep(0.3)
        file.unlink()
        await asyncio.sleep(0.05)
        assert told.empty()
        file.write_text(CLOSED)
        assert "Restart `costward up`" in await next_sentence(told)
