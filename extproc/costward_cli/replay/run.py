"""A replay from log to summary, through a stack that runs already or one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from costward_extproc.core.record import Record

from costward_cli.problems import CliError
from costward_cli.records_file import RecordsFile
from costward_cli.replay.asking import Outcome, ask_all, client_for, require_costward
from costward_cli.replay.log import BadLine, Logged
from costward_cli.replay.tally import Summary, summarise
from costward_cli.stack import Stack, StackSpec

_RECORDS_SECONDS = 3.0
"""Records are written in groups a few milliseconds after their answers; a busy disk may take a second."""


@dataclass(frozen=True, slots=True)
class Task:
    log: Sequence[Logged]
    bad: Sequence[BadLine]
    concurrency: int


@dataclass(frozen=True, slots=True)
class Replayed:
    summary: Summary
    outcomes: tuple[Outcome, ...]


async def through(
    base_url: str, task: Task, *, key: str, state_dir: Path, on_outcome: Callable[[Outcome], None]
) -> Replayed:
    """Through a stack that others run; its records, if they are in `state_dir`, tell the money. Raises CliError."""
    async with client_for(base_url, task.concurrency, key) as client:
        began = time.perf_counter()
        first = await require_costward(client, task.log[0])
        on_outcome(first)
        outcomes = [first, *await ask_all(client, task.log[1:], task.concurrency, on_outcome)]
        seconds = time.perf_counter() - began
    try:
        records = await _records(state_dir, outcomes, _RECORDS_SECONDS)
    except CliError:
        # The stack's books may be on another machine: what it said in its answers is still worth much.
        records = {}
    return _replayed(task, outcomes, records, seconds)


async def own(
    spec: StackSpec,
    task: Task,
    *,
    on_outcome: Callable[[Outcome], None],
    on_event: Callable[[str], None],
) -> Replayed:
    """Through a stack that lives as long as the replay; its provider is the stand-in, which is told the labels.
    Raises CliError."""
    async with (
        _labelled(spec, task.log) as labelled,
        Stack(labelled, on_event=on_event) as stack,
        client_for(stack.base_url, task.concurrency, None) as client,
    ):
        began = time.perf_counter()
        outcomes = await _until_done_or_broken(stack, ask_all(client, task.log, task.concurrency, on_outcome))
        seconds = time.perf_counter() - began
    # The stack has ended, so every record is on disk.
    return _replayed(task, outcomes, await _records(spec.state_dir, outcomes, 0), seconds)


async def _until_done_or_broken(stack: Stack, asking: Awaitable[list[Outcome]]) -> list[Outcome]:
    """A dead Envoy ends the replay with its own words instead of thousands of failed connections."""
    work = asyncio.ensure_future(asking)
    watch = asyncio.ensure_future(stack.until_broken())
    try:
        await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await watch
        return await work
    finally:
        for task in (work, watch):
            task.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)


@contextlib.asynccontextmanager
async def _labelled(spec: StackSpec, log: Sequence[Logged]) -> AsyncIterator[StackSpec]:
    """The spec with a stand-in that answers by these labels."""
    labels = {logged.text: logged.label for logged in log if logged.label is not None}
    with tempfile.TemporaryDirectory(prefix="costward-labels-") as folder:
        words = spec.stand_in_args
        if labels:
            file = Path(folder) / "labels.jsonl"
            file.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in labels.items()))
            words += ("--labels", str(file))
        yield dataclasses.replace(spec, stand_in_args=words)


async def _records(state_dir: Path, outcomes: Sequence[Outcome], wait: float) -> Mapping[str, Record]:
    """The records of these exchanges, by id; those that are not there after `wait` seconds are left out."""
    ids = {outcome.request_id for outcome in outcomes if outcome.request_id}
    deadline = time.monotonic() + wait
    while True:
        found = await asyncio.to_thread(RecordsFile(state_dir).of, ids)
        if len(found) == len(ids) or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(0.1)


def _replayed(task: Task, outcomes: Sequence[Outcome], records: Mapping[str, Record], seconds: float) -> Replayed:
    summary = summarise(outcomes, records, seconds=seconds, bad_lines=len(task.bad))
    return Replayed(summary, tuple(outcomes))
