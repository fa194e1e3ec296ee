"""docs/reliability.md shows every row of the fault suite, under its title."""

from __future__ import annotations

from tests.fakes.fault_rows import PROMISES, declared
from tools.faults import DOCUMENT, END, rows_of, with_rows


def test_the_page_has_every_row_and_title() -> None:
    assert rows_of(DOCUMENT.read_text()) == declared(), "run `make faults ARGS=--write-only`"


def test_every_row_of_the_list_has_a_test() -> None:
    assert {each.row for each in declared()} == set(PROMISES)


def test_writing_it_again_changes_nothing_but_the_rows() -> None:
    document = DOCUMENT.read_text()
    first = with_rows(document, [], "A machine.")
    assert with_rows(first, [], "A machine.") == first
    assert first.split(END)[1] == document.split(END)[1]
