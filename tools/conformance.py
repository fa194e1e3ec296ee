"""Run the conformance suite and write down, fact by fact, what it showed: build/conformance.json and the table in docs.

A fact of Envoy's ext_proc is worth a row whether a test shows it here or not: `NOT_SHOWN` says why not. Run by
`make conformance`.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUITE = ROOT / "tests" / "conformance"
REPORT = ROOT / "build" / "conformance.json"
PAGE = ROOT / "docs" / "conformance.md"

Status = Literal["holds", "defect", "fails", "not shown"]

OWN = 100
"""Rows from here on are no facts of Envoy's but promises at our own edge."""


@dataclass(frozen=True, slots=True)
class Row:
    fact: int
    title: str
    status: Status
    reason: str = ""
    """Of every status but `holds`."""


NOT_SHOWN: Mapping[int, tuple[str, str]] = {
    30: (
        "StreamedImmediateResponse replays a cached stream at its own pace",
        "not used: a hit leaves as one immediate answer, and the pinned stubs lack the message",
    ),
    35: (
        "Which Envoy version is the first to have each feature",
        "one Envoy is installed here, 1.40; the tests marked `older` run it without what newer wiring announces",
    ),
    38: (
        "Another provider's dialect through Envoy's own transcoder",
        "not used: the rungs of a ladder share provider and dialect, so nothing is transcoded",
    ),
}
"""Title and reason of the facts that no test of the suite shows."""


@dataclass
class Collector:
    """A pytest plugin: what became of the tests of each fact."""

    titles: dict[int, str] = field(default_factory=dict)
    outcomes: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    """Outcome (`passed`, `failed`, `skipped`, `xfailed`) and reason, per test."""
    _facts: dict[str, int] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("fact")
            if mark is not None:
                number, title = mark.args
                self._facts[item.nodeid] = number
                self.titles[number] = title

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        number = self._facts.get(report.nodeid)
        if number is None or (report.when != "call" and report.passed):
            return
        expected = getattr(report, "wasxfail", None)
        known = expected is not None and report.skipped
        outcome = "xfailed" if known else report.outcome
        told = expected or (_skip_reason(report) if report.skipped else report.nodeid.rsplit("::", 1)[-1])
        self.outcomes.setdefault(number, []).append((outcome, str(told).removeprefix("reason: ")))

    def rows(self) -> list[Row]:
        shown = [_judged(number, title, self.outcomes.get(number, [])) for number, title in self.titles.items()]
        return in_order([*shown, *not_shown(self.titles)])


def _skip_reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "skipped"


def _judged(number: int, title: str, outcomes: Sequence[tuple[str, str]]) -> Row:
    """The worst of a fact's tests is its status."""
    for outcome, status in (("failed", "fails"), ("xfailed", "defect"), ("skipped", "not shown")):
        reasons = sorted({reason for found, reason in outcomes if found == outcome})
        if reasons:
            return Row(number, title, status, "; ".join(reasons))  # type: ignore[arg-type]  # the three above
    return Row(number, title, "holds") if outcomes else Row(number, title, "not shown", "its tests did not run")


def not_shown(titles: Mapping[int, str]) -> list[Row]:
    """Rows of the facts that have no test."""
    rest = {number: told for number, told in NOT_SHOWN.items() if number not in titles}
    return [Row(number, title, "not shown", reason) for number, (title, reason) in rest.items()]


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.fact)


def titles_in(suite: Path) -> dict[int, str]:
    """Facts and titles as the suite's files mark them, without running one."""
    titles: dict[int, str] = {}
    for path in sorted(suite.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fact":
                number, title = (ast.literal_eval(argument) for argument in node.args)
                titles[number] = title
    return titles


def page(rows: Sequence[Row]) -> str:
    """docs/conformance.md."""
    facts = [row for row in rows if row.fact < OWN]
    own = [row for row in rows if row.fact >= OWN]
    held = sum(row.status == "holds" for row in facts)
    return "\n".join(
        [
            "# Conformance",
            "",
            "What an `ext_proc` server must get right, fact by fact. Each row is a file of `tests/conformance/`, run",
            "against a real Envoy with the configuration that `costward envoy-config` prints and the data plane that",
            "ships; beside each, a naive server or configuration fails in the way that the fact says. Written by",
            "`make conformance`.",
            "",
            "- **holds**: ours does what the fact asks for, and the naive shape was seen to fail",
            "- **defect**: known not to hold in one case, which a test expects to fail until it is mended",
            "- **not shown**: no test here, with the reason",
            "",
            "Facts 10 and 12 are shown in the lab alone: Costward does not stream requests. A body that declares more",
            "than it reads passes unread, charged by its length.",
            "",
            f"## Facts of Envoy ({held} of {len(facts)} hold)",
            "",
            *_table(facts),
            "",
            "## Promises at the edge",
            "",
            *_table(own),
            "",
        ]
    )


def _table(rows: Sequence[Row]) -> list[str]:
    return ["| fact | title | status | reason |", "|---|---|---|---|"] + [
        f"| {row.fact} | {row.title} | {row.status} | {row.reason} |".replace("|  |", "| |") for row in rows
    ]


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 if no fact fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="further words for pytest")
    given, more = parser.parse_known_args(arguments)
    collector = Collector()
    status = pytest.main(["-q", "-m", "fact", str(SUITE), *given.words, *more], plugins=[collector])
    rows = collector.rows()
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if not more and not given.words:
        PAGE.write_text(page(rows))
    for row in rows:
        sys.stdout.write(f"{row.fact:>4}  {row.status:<9}  {row.title}{': ' if row.reason else ''}{row.reason}\n")
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
