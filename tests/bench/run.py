"""`make bench`: what Costward adds to a request, as ratios against a no-op server measured in the same run.

The machine's speed drifts, so every case is measured in short rounds in turn with all others, and medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from costward_extproc.adapters.onnx_embedder import OnnxEmbedder
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench import cases, chunks, flame, report
from tests.bench.cases import PARTS, Case, Part
from tests.bench.load import Sample, wrk_binary
from tests.bench.measure import Measured, Plan, measure
from tests.bench.ratios import Bar
from tests.bench.results import Result, chunk_bars, core_bars, results, worker_bars
from tests.bench.stage import MODEL, ROOT, Stage

SECONDS = 2.0
"""Length of a round: about 800 requests at one connection."""

ROUNDS = 5
"""Their quartiles are still rounds that were measured, and all parts together take about ten minutes."""

_WIDE = 150

TEXT_OF_16_TOKENS = "garden bridge lemon tower candle wagon melody pepper cabin violin river helmet"

Tables = Callable[[Mapping[str, Result], Sequence[Case], Measured], Table]
Bars = Callable[[Sequence[Case], Measured], Sequence[Bar]]


@dataclass(frozen=True)
class Chapter:
    """How one part is measured and told."""

    plan: Callable[[argparse.Namespace], Plan]
    table: Tables
    bars: Bars


CHAPTERS: Mapping[Part, Chapter] = {
    "core": Chapter(
        lambda given: Plan(cases.core(), given.rounds, given.seconds),
        report.core_table,
        lambda _cases, measured: core_bars(measured),
    ),
    # Forty-odd cases, each with fewer requests than one of the core: half as long, or they would take all the time.
    "dialects": Chapter(
        lambda given: Plan(cases.dialects(), given.rounds, given.seconds / 2),
        report.dialect_table,
        lambda _cases, _measured: (),
    ),
    # A round has a thousand chunks in it at half the length already; a stream that was begun is read to its end.
    "chunks": Chapter(
        lambda given: Plan(chunks.cases(), given.rounds, given.seconds / 2, chunks.run),
        report.chunk_table,
        chunk_bars,
    ),
    "workers": Chapter(
        lambda given: Plan(cases.workers(), given.rounds, given.seconds),
        report.worker_table,
        lambda _cases, measured: worker_bars(measured),
    ),
}


def main() -> None:
    given = _arguments().parse_args()
    wrk_binary()
    console = _console(given.json)
    given.out.parent.mkdir(exist_ok=True)
    if given.profile is not None:
        return _profile(given, console)
    found: list[Result] = []
    bars: list[Bar] = []
    told: list[Table | str] = []
    for part in [given.only] if given.only else PARTS:
        chapter = CHAPTERS[part]
        plan = chapter.plan(given)
        measured = _measured(part, plan, console)
        rows = results(plan.cases, measured)
        if part == "core":
            rows.insert(3, _embedding(measured))
        found += rows
        bars += chapter.bars(plan.cases, measured)
        told += [chapter.table({row.case: row for row in rows}, plan.cases, measured), *report.left_out(measured)]
    given.out.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    if given.json:
        sys.stdout.write(given.out.read_text())
    for each in told:
        console.print(each)
    if bars:
        console.print(report.bars_table(bars))


def _console(to_stderr: bool) -> Console:
    """A terminal has the width that it has; a file or a pipe gets one in which no table is folded."""
    console = Console(stderr=to_stderr)
    return console if console.is_terminal else Console(stderr=to_stderr, width=_WIDE)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="measure this part alone")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a round (2: about 800 requests)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each case; medians are quoted")
    parser.add_argument(
        "--profile", metavar="CASE", help="draw a flame graph of the data plane under this case instead"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    return parser


@contextmanager
def _stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder, Stage(Path(folder)) as stage:
        yield stage


def _measured(part: Part, plan: Plan, console: Console) -> Measured:
    words = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    with _stage() as stage, Progress(*words, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task(f"measuring {part}", total=plan.ticks)

        def tick() -> None:
            progress.advance(bar)

        if part != "core":
            return measure(stage, plan, tick)
        embedder = OnnxEmbedder.load(MODEL)
        try:
            measured = measure(stage, plan, tick, lambda: asyncio.run(_embed(embedder)))
        finally:
            embedder.close()
    measured.rss_mb["embed"] = psutil.Process().memory_info().rss / 1e6
    return measured


async def _embed(embedder: OnnxEmbedder, times: int = 300) -> Sample:
    """The embedding alone, as the server asks for it: from an event loop, one after the other."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await embedder.embed(TEXT_OF_16_TOKENS)
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return Sample(taken[times // 2], taken[times * 99 // 100], 1000 / statistics.fmean(taken), statistics.fmean(taken))


def _embedding(measured: Measured) -> Result:
    (row,) = results([cases.EMBED], measured)
    return row


def _profile(given: argparse.Namespace, console: Console) -> None:
    plans = [chapter.plan(given) for chapter in CHAPTERS.values()]
    known = {case.name: (plan, case) for plan in plans for case in plan.cases}
    if given.profile not in known:
        raise SystemExit(f"no case is called {given.profile}; there are {', '.join(known)}")
    target = given.out.with_name(f"profile-{given.profile}.svg")
    plan, case = known[given.profile]
    console.print(f"{flame.SECONDS} s of {case.name}")
    with _stage() as stage:
        flame.draw(stage, plan, case, target)
    console.print(f"drawn: {target}")


if __name__ == "__main__":
    main()
