"""Measures how the operator's cost grows with policies, and writes build/scale.json and docs/scale.md.

make scale                          # 100, 1,000 and 10,000 policies: about 15 minutes on two idle cores
make scale ARGS='--counts 100'      # some; the others' figures stay as they are
make scale ARGS=--write-only        # only the page, from build/scale.json
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from tests.cluster.bench.control_plane import running_control_plane
from tests.cluster.bench.process import BenchError
from tools.cluster_binaries import provide
from tools.cluster_parts import CONTROL_PLANE, ROOT, ClusterToolsError, kubernetes_version
from tools.scale_page import ROWS, page
from tools.scale_run import Figures, measured

RESULTS = ROOT / "build" / "scale.json"
DOCUMENT = ROOT / "docs" / "scale.md"
COUNTS = (100, 1_000, 10_000)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, metavar="N", help="numbers of policies")
    parser.add_argument("--write-only", action="store_true", help="run nothing")
    given = parser.parse_args()
    try:
        for count in () if given.write_only else given.counts:
            _keep(_run(count))
    except (ClusterToolsError, BenchError) as problem:
        print(f"scale: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    results = _known()
    DOCUMENT.write_text(page(results))
    Console().print(_table(results))
    return 0


def _run(count: int) -> Figures:
    """On a control plane of its own: what another number left behind would be measured with it."""
    located = provide(CONTROL_PLANE)
    with (
        tempfile.TemporaryDirectory(prefix="costward-scale-") as folder,
        running_control_plane(located, Path(folder)) as plane,
        Progress(console=Console(stderr=True)) as shown,
    ):
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(f"{count:,}: {what}")
            shown.update(tasks[what], completed=done, total=of)

        return measured(plane, count, progress)


def _keep(figures: Figures) -> None:
    """At once: a later number that fails takes nothing away."""
    machine = {
        "cores": psutil.cpu_count(),
        "memoryGiB": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "kubernetes": kubernetes_version(),
        "on": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    others = [known for known in _known() if known["policies"] != figures.policies]
    result = {**{name: _rounded(value) for name, value in asdict(figures).items()}, "machine": machine}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(sorted([*others, result], key=lambda one: one["policies"]), indent=2) + "\n")


def _rounded(value: float) -> float:
    return round(value, 2)


def _known() -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return known


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Policies")
    table.add_column("")
    for result in results:
        table.add_column(f"{result['policies']:,}", justify="right")
    for row in ROWS:
        table.add_row(row.words, *(row.shown(result) for result in results))
    return table


if __name__ == "__main__":
    sys.exit(main())
