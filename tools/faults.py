"""Runs the fault suite, writes what it saw to build/faults.json, and the tables of docs/reliability.md from that.

make faults                    # all rows, some minutes
make faults ARGS='E2 U1'       # some; the others' figures stay as they are
make faults ARGS=--write-only  # only the document, from build/faults.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.fault_rows import PROMISES, PROPERTY, Declared, declared, files  # noqa: E402  (below the path)

RESULTS = ROOT / "build" / "faults.json"
DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- rows: written by `make faults` -->", "<!-- end of rows -->"


@dataclass(eq=False)
class Suite:
    """A pytest plugin: which row each test belongs to, and how it went."""

    chosen: Sequence[str]
    rows: dict[str, Declared] = field(default_factory=dict)
    results: dict[Declared, dict[str, Any]] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept = []
        for item in items:
            mark = item.get_closest_marker("fault")
            if mark is not None and (not self.chosen or mark.args[0] in self.chosen):
                self.rows[item.nodeid] = Declared(*mark.args)
                kept.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self.rows[report.nodeid]
        result = self.results.setdefault(
            row,
            {
                "row": row.row,
                "title": row.title,
                "ok": True,
                "exchanges": 0,
                "failed": 0,
                "recoverySeconds": None,
                "said": "",
            },
        )
        result["ok"] = result["ok"] and not report.failed
        if report.when == "teardown":
            for seen in (value for name, value in report.user_properties if name == PROPERTY):
                _add(result, seen)


def _add(result: dict[str, Any], seen: Any) -> None:
    """Several tests, or cases of one, may share a row's title."""
    result["exchanges"] += seen["exchanges"]
    result["failed"] += seen["failed"]
    times = [time for time in (result["recoverySeconds"], seen["recovery_s"]) if time is not None]
    result["recoverySeconds"] = round(max(times), 2) if times else None
    result["said"] = "; ".join(dict.fromkeys(filter(None, [result["said"], seen["said"]])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-only", action="store_true", help="run nothing")
    parser.add_argument("rows", nargs="*", help=f"all, or some of: {', '.join(PROMISES)}")
    given = parser.parse_args()
    if unknown := set(given.rows) - set(PROMISES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PROMISES)}")
    status = 0 if given.write_only else _run(given.rows)
    results = _known()
    DOCUMENT.write_text(with_rows(DOCUMENT.read_text(), results, _machine()))
    Console().print(_table(results))
    return status


def _run(rows: Sequence[str]) -> int:
    os.environ["COSTWARD_FAULTS"] = "full"
    suite = Suite(rows)
    status = pytest.main(["-q", "-p", "no:cacheprovider", *map(str, files())], plugins=[suite])
    kept = [result for result in _known() if Declared(result["row"], result["title"]) not in suite.results]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([*kept, *suite.results.values()], indent=2) + "\n")
    return int(status)


def _known() -> list[dict[str, Any]]:
    """Results of rows that are still there, in the order of the list."""
    known: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    found = {Declared(result["row"], result["title"]): result for result in known}
    return [found[row] for row in declared() if row in found]


def with_rows(document: str, results: Sequence[dict[str, Any]], machine: str) -> str:
    """The document with these results, promise by promise, in the place for them."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    found = {Declared(result["row"], result["title"]): result for result in results}
    lines = [machine]
    for row, (promises, words) in PROMISES.items():
        titles = [each for each in declared() if each.row == row]
        if titles:
            lines += [
                "",
                f"**{row}: {words}** ({promises})",
                "",
                "| fault | exchanges | failed | back after | |",
                "|---|---|---|---|---|",
            ]
            lines += [_line(each, found.get(each)) for each in titles]
    return f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"


def _line(row: Declared, result: dict[str, Any] | None) -> str:
    if result is None:
        return f"| {row.title} | not run | | | |"
    back = "" if result["recoverySeconds"] is None else f"{result['recoverySeconds']:.1f} s"
    said = result["said"] if result["ok"] else f"**does not hold** {result['said']}"
    return f"| {row.title} | {result['exchanges']:,} | {result['failed']:,} | {back} | {said} |"


def rows_of(document: str) -> list[Declared]:
    """The rows and titles that a document shows, in order."""
    shown = document.split(BEGIN)[1].split(END)[0]
    found, row = [], ""
    for line in shown.splitlines():
        if heading := re.match(r"\*\*(\w+): ", line):
            row = heading[1]
        elif line.startswith("| ") and not line.startswith("| fault |"):
            found.append(Declared(row, line.split(" | ")[0].removeprefix("| ")))
    return found


def _machine() -> str:
    memory = round(psutil.virtual_memory().total / 2**30)
    cores, python = psutil.cpu_count(), platform.python_version()
    return f"On {cores} shared cores and {memory} GiB of memory, {platform.system()}, Python {python}, a real Envoy."


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Faults")
    for name in ("row", "fault", "exchanges", "failed", "back after", ""):
        table.add_column(name, justify="right" if name in ("exchanges", "failed", "back after") else "left")
    for result in results:
        back = "" if result["recoverySeconds"] is None else f"{result['recoverySeconds']:.2f} s"
        verdict = "ok" if result["ok"] else "FAILED"
        figures = (f"{result['exchanges']:,}", f"{result['failed']:,}", back, verdict)
        table.add_row(result["row"], result["title"], *figures)
    return table


if __name__ == "__main__":
    sys.exit(main())
