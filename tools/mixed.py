"""Ten thousand mixed exchanges with and without Costward, hits, kills and a rolling restart: `make mixed`.

Prints a table, writes build/mixed.json and the kills into docs/reliability.md, and fails where anything differs that is
not declared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fakes.mixed_books import Kills, Verdict, shown, verdict
from tests.fakes.mixed_kills import play_gently, play_with_kills, restart_workers
from tests.fakes.mixed_run import MixedRun, Outcome, mixed_run
from tests.fakes.mixed_traffic import Flavour, traffic
from tools.mixed_page import DOCUMENT, with_kills

OUT = Path(__file__).resolve().parents[1] / "build" / "mixed.json"
CALLERS = 12
"""Enough that a process on two cores always has something to do, few enough that its callers do not starve it."""
KILL_CALLERS = 30
"""Enough that ten thousand exchanges, many of them slow, take minutes, and each kill catches several of each kind."""
LEASE_S = 3.0
WORKERS = 2
SLOW = Flavour(slow=0.3, aliases=0)
"""Without aliases, which nobody resolves while Costward is down."""

Tick = Callable[[Outcome], None]


async def unchanged(count: int, seed: int, tick: Tick) -> Verdict:
    """Every exchange goes upstream: the cache observes."""
    async with mixed_run() as run:
        await run.play(traffic(seed, range(count)), CALLERS, tick)
        return await verdict(run)


async def hits(count: int, seed: int, tick: Tick) -> Verdict:
    """The cache serves."""
    async with mixed_run(cache="Enforce") as run:
        await run.play(traffic(seed, range(count), Flavour(repeats=True)), CALLERS, tick)
        return await verdict(run)


async def killed(count: int, every_s: float, seed: int, tick: Tick) -> Verdict:
    async with mixed_run(lease_seconds=LEASE_S) as run:
        began, kills = time.monotonic(), Kills()
        playing = play_gently(run, traffic(seed, range(count), SLOW), KILL_CALLERS, kills, tick)
        await play_with_kills(run, playing, every_s, sys.maxsize, kills)
        took = time.monotonic() - began
        found = await verdict(run, kills, LEASE_S)
    caught: Counter[str] = sum(map(Counter, kills.phases), Counter())
    found.figures.update(seconds=round(took), caughtByPhase=dict(caught))
    if not kills.at:
        found.problems.append("nothing was killed")
    return found


async def _for(run: MixedRun, seconds: float, seed: int, tick: Tick) -> None:
    until = time.monotonic() + seconds
    numbers = iter(range(sys.maxsize))
    lasting = iter(lambda: next(numbers) if time.monotonic() < until else -1, -1)
    await run.play(traffic(seed, lasting, SLOW), CALLERS, tick)


async def restarted(seconds: float, seed: int, tick: Tick) -> Verdict:
    """Two workers, each drained and replaced under load."""
    async with mixed_run(workers=WORKERS, failure_mode_allow=False) as run:
        playing = asyncio.create_task(_for(run, seconds, seed, tick))
        took = []
        while not playing.done():
            await asyncio.sleep(1)
            took.append(round(await restart_workers(run, WORKERS), 1))
        await playing
        found = await verdict(run)
        found.figures["restartSeconds"] = took
        return found


async def run_all(asked: argparse.Namespace, console: Console) -> dict[str, Verdict]:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    parts: dict[str, tuple[Callable[[Tick], Any], int | None]] = {
        "unchanged": (lambda tick: unchanged(asked.count, asked.seed, tick), asked.count),
        "hits": (lambda tick: hits(asked.count // 5, asked.seed + 1, tick), asked.count // 5),
        "killed": (lambda tick: killed(asked.kill_count, asked.kill_every, asked.seed + 2, tick), asked.kill_count),
        "restarted": (lambda tick: restarted(asked.restart_seconds, asked.seed + 3, tick), None),
    }
    found = {}
    with Progress(*columns, console=console) as progress:
        for name in asked.only or parts:
            play, total = parts[name]
            task = progress.add_task(name, total=total)
            found[name] = await play(partial(_advance, progress, task))
    return found


def _advance(progress: Progress, task: TaskID, _: Outcome) -> None:
    progress.advance(task)


def table(found: dict[str, Verdict]) -> Table:
    grid = Table("", *found, title="Mixed traffic, with Costward beside without it")
    rows = list(dict.fromkeys(row for part in found.values() for row in part.figures))
    for row in rows:
        grid.add_row(row, *(_text(part.figures.get(row, "")) for part in found.values()))
    grid.add_row("problems", *(str(len(part.problems)) for part in found.values()))
    return grid


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name} {item}" for name, item in value.items())
    return "\n".join(map(_text, value)) if isinstance(value, list) else str(value)


def merged(kept: dict[str, Any], told: dict[str, Any], seed: int) -> dict[str, Any]:
    """What this run tells of its parts, beside what earlier ones told of the others."""
    return {**kept, "cores": os.cpu_count(), "seed": seed, **told}


def main() -> None:
    parser = argparse.ArgumentParser(prog="mixed", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="exchanges of the first part; a fifth of it for hits")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other exchanges")
    parser.add_argument("--kill-count", type=int, default=10_000, help="exchanges of the part with kills")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between two kills, at least")
    parser.add_argument("--restart-seconds", type=float, default=30, help="how long the part with restarts takes")
    parser.add_argument("--only", action="append", choices=["unchanged", "hits", "killed", "restarted"])
    asked = parser.parse_args()
    console = Console(width=160)
    found = uvloop.run(run_all(asked, console))
    console.print(table(found))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    told = {name: {**part.figures, "problems": part.problems} for name, part in found.items()}
    kept = json.loads(OUT.read_text()) if asked.only and OUT.exists() else {}
    OUT.write_text(json.dumps(merged(kept, told, asked.seed), indent=2) + "\n")
    if "killed" in told:
        DOCUMENT.write_text(with_kills(DOCUMENT.read_text(), told["killed"]))
    for name, part in found.items():
        if part.problems:
            console.print(f"{name}: {len(part.problems)} problems\n{shown(part.problems)}", markup=False)
    sys.exit(any(part.problems for part in found.values()))


if __name__ == "__main__":
    main()
