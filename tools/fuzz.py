"""Looks for inputs that break our readers, ten minutes over all of them; what it finds becomes a regression case.

    make fuzz                                        # 10 minutes
    make fuzz ARGS='--minutes 1 openai.chat-stream'  # some targets, less time

Atheris was considered: it is guided by coverage, but its wheels are 35 MB for one platform, and each of its targets
needs a process of its own. Hypothesis makes documents of the right shape instead, and their bytes are then changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fuzz.explore import Found, explore, grow, wrong  # noqa: E402  (below the path)
from tests.fuzz.target import CORPUS, Target  # noqa: E402
from tests.fuzz.targets import TARGETS  # noqa: E402

MINUTES = 10.0
GROWTH_SHARE = 0.25
"""Of a target's time, for inputs that could take too long to read: each of them costs a hundred ordinary ones."""
_ROUND_S = 5.0
"""A target gets its time in rounds of this, so that a run that is ended early has seen all of them."""


@dataclass
class Outcome:
    target: Target
    tried: int = 0
    grown: int = 0
    seconds: float = 0.0
    found: Found | None = None

    @property
    def verdict(self) -> str:
        return "ok" if self.found is None else "FAILED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="in total")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what is tried first")
    parser.add_argument("targets", nargs="*", help=f"all, or some of: {', '.join(t.name for t in TARGETS)}")
    given = parser.parse_args()
    unknown = set(given.targets) - {target.name for target in TARGETS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(t.name for t in TARGETS)}")
    chosen = [target for target in TARGETS if not given.targets or target.name in given.targets]
    console = Console()
    outcomes = [Outcome(target) for target in chosen]
    try:
        _run(outcomes, 60 * given.minutes, given.seed, console)
    except KeyboardInterrupt:
        console.print("ended early")
    console.print(_table(outcomes))
    return _told(outcomes, console)


def _run(outcomes: Sequence[Outcome], seconds: float, seed: int, console: Console) -> None:
    columns = (TextColumn("{task.description:28}"), BarColumn(None), TextColumn("{task.percentage:3.0f} %"))
    rounds = max(1, round(seconds / _ROUND_S / len(outcomes)))
    share = seconds / rounds / len(outcomes)
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=rounds * len(outcomes))
        for turn in range(rounds):
            for outcome in outcomes:
                bar.update(task, description=outcome.target.name)
                if outcome.found is None:
                    _once(outcome, share, seed + 100_000 * turn)
                bar.advance(task)


def _once(outcome: Outcome, seconds: float, seed: int) -> None:
    target, begun = outcome.target, time.monotonic()
    if not outcome.tried:
        for data in (*target.seeds, *(data for _, data in target.corpus())):
            outcome.found = outcome.found or wrong(target, data)
    growing = GROWTH_SHARE * seconds if target.grows else 0.0
    if outcome.found is None:
        tried, outcome.found = explore(target, begun + seconds - growing, seed)
        outcome.tried += tried
    if outcome.found is None and growing:
        grown, outcome.found = grow(target, begun + seconds, seed)
        outcome.grown += grown
    outcome.seconds += time.monotonic() - begun


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Fuzzing")
    for name in ("reader", "inputs", "doubled", "seconds", "verdict"):
        table.add_column(name, justify="left" if name in ("reader", "verdict") else "right")
    for each in outcomes:
        table.add_row(each.target.name, f"{each.tried:,}", f"{each.grown:,}", f"{each.seconds:.0f}", each.verdict)
    sums = (sum(each.tried for each in outcomes), sum(each.grown for each in outcomes))
    failed = sum(each.found is not None for each in outcomes)
    table.add_section()
    table.add_row("all", f"{sums[0]:,}", f"{sums[1]:,}", "", f"{failed} failed" if failed else "ok")
    return table


def _told(outcomes: Sequence[Outcome], console: Console) -> int:
    failed = [outcome for outcome in outcomes if outcome.found is not None]
    for outcome in failed:
        assert outcome.found is not None
        path = outcome.target.keep(outcome.found.data, CORPUS).relative_to(ROOT)
        console.print(f"\n[bold]{outcome.target.name}[/]: {path}, which `make test` reads from now on")
        console.print(repr(outcome.found.data[:300]), markup=False)
        console.print(outcome.found.story, markup=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
