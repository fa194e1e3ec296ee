"""docs/conformance.md lists every fact that the suite marks, under the same title, and gives a reason where it must."""

from __future__ import annotations

import re
from pathlib import Path

from tools.conformance import NOT_SHOWN, PAGE, SUITE, Collector, Row, page, titles_in

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| ?(.*?) ?\|$", re.MULTILINE)
FACTS = range(1, 39)


def listed() -> dict[int, tuple[str, str, str]]:
    """Title, status and reason by number."""
    return {int(number): (title, status, reason) for number, title, status, reason in ROW.findall(PAGE.read_text())}


def test_the_page_lists_what_the_suite_marks() -> None:
    titles = titles_in(SUITE) | {n: told[0] for n, told in NOT_SHOWN.items() if n not in titles_in(SUITE)}
    assert {number: row[0] for number, row in listed().items()} == titles, "run `make conformance`"


def test_no_fact_is_missing() -> None:
    assert [number for number in FACTS if number not in listed()] == []


def test_what_does_not_hold_has_a_reason() -> None:
    assert [number for number, (_, status, reason) in listed().items() if status != "holds" and not reason] == []


def test_a_file_shows_one_fact_and_its_name_says_which() -> None:
    files = [*SUITE.glob("test_fact_*.py"), *SUITE.glob("test_edge_*.py")]
    wrong = [path.name for path in files if _marks(path) != {int(path.name.split("_")[2])}]
    assert wrong == []


def _marks(path: Path) -> set[int]:
    return {int(number) for number in re.findall(r"pytest\.mark\.fact\((\d+)", path.read_text())}


def test_the_worst_test_of_a_fact_is_its_status() -> None:
    collector = Collector(titles={1: "one", 2: "two", 3: "three", 4: "four"})
    collector.outcomes = {
        1: [("passed", ""), ("passed", "")],
        2: [("passed", ""), ("xfailed", "slow")],
        3: [("xfailed", "slow"), ("failed", "test_x")],
    }
    rows = [row for row in collector.rows() if row.fact <= 4]
    assert [(row.status, row.reason) for row in rows] == [
        ("holds", ""),
        ("defect", "slow"),
        ("fails", "test_x"),
        ("not shown", "its tests did not run"),
    ]


def test_a_row_is_printed_as_it_is_read() -> None:
    printed = page([Row(7, "A title: with | none", "holds"), Row(101, "Own", "defect", "because")])
    assert "| 7 | A title: with | none | holds | |" in printed
    assert ("101", "Own", "defect", "because") in ROW.findall(printed)
