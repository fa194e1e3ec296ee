"""docs/reliability.md shows what the comparison under kills saw, and nothing else of the page changes."""

from __future__ import annotations

from typing import Any

from tools.mixed_page import BEGIN, DOCUMENT, END, with_kills

SEEN: dict[str, Any] = {
    "exchanges": 12_345,
    "seconds": 700,
    "kills": 2,
    "caughtByPhase": {"headers": 5, "stream": 7},
    "downSeconds": [2.0, 4.0],
    "reservations": {"settled": 90, "lapsed": 3},
    "rewrittenDifferences": {"a spent cap": 6},
    "usageChunksSeen": 1,
    "tornEvents": 0,
    "letThrough": 44,
    "unrecorded": 43,
    "killedInWriting": 2,
    "problems": [],
}


def test_each_phase_has_its_count() -> None:
    shown = with_kills(f"before {BEGIN} {END} after", SEEN)
    assert "| 2; they caught 5 in their headers, 0 in their body, 0 waiting, 7 in a stream |" in shown
    assert "12,345 in 700 s" in shown
    assert "90 settled, 3 ended by their lease, 0 open" in shown
    assert "3.0 s in the middle, 2.0 to 4.0 s" in shown


def test_what_does_not_hold_stands_out() -> None:
    shown = with_kills(f"{BEGIN}{END}", {**SEEN, "problems": ["one", "two"]})
    assert "| **2** |" in shown


def test_the_rest_of_the_page_stays() -> None:
    document = DOCUMENT.read_text()
    written = with_kills(document, SEEN)
    assert with_kills(written, SEEN) == written
    assert written.split(BEGIN)[0] == document.split(BEGIN)[0]
    assert written.split(END)[1] == document.split(END)[1]
