"""A record in full: every part that a decision rests on is there."""

from __future__ import annotations

import io
from dataclasses import replace

from costward_cli.explaining.panels import full, listed
from costward_extproc.core.record import CacheNote, CapNote, Inputs, Record
from rich.console import Console, RenderableType

from tests.fakes.records import ROUTED

VETOED = replace(
    ROUTED,
    cache=CacheNote("vetoed", "numbers", "semantic", "p1", "entry-7", 0.9731, 0.95, stored=True),
    inputs=Inputs(tokens=20, messages=1, neighbour_scores=(0.9731, 0.61)),
    caps=(CapNote("free/User/Day", 500_000, 450_000, 2_100, 1_800_057_600, "Warn"),),
    warnings=("price-unknown", "a-new-code"),
)


def text(content: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(content)
    return out.getvalue()


def assert_told(record: Record, *words: str) -> None:
    page = text(full(record))
    assert [word for word in words if word not in page] == []


def test_the_cache_panel_tells_score_threshold_and_guard() -> None:
    assert_told(VETOED, "0.9731, at least 0.95 is asked for", "`numbers` objected", "0.9731, 0.6100", "entry-7")


def test_the_money_panel_tells_what_it_would_have_cost() -> None:
    assert_told(ROUTED, "$0.000104", "$0.000358", "$0.000254", "$0.002100", "catalogue")


def test_the_caps_panel_tells_standing_and_reset() -> None:
    assert_told(VETOED, "free/User/Day", "$0.450000", "$0.500000", "2027-01-16T00:00:00Z", "Warn")


def test_timings_decision_and_route_are_there() -> None:
    assert_told(ROUTED, "2.5 ms", "40.0 ms", "90.0 ms", "rule[0] chose rung small", "generation 3", "9f9f")


def test_a_warning_without_words_is_shown_as_its_code() -> None:
    assert_told(VETOED, "priced as the dearest of its family", "a-new-code")


def test_what_callers_write_is_no_markup() -> None:
    record = replace(ROUTED, asked_model="[red]x[/nothing]", task="[bold]")

    assert "[red]x[/nothing]" in text(full(record))
    assert "[red]x[/nothing]" in text(listed([record]))


def test_a_list_keeps_the_order_and_enough_of_the_id() -> None:
    page = text(listed([ROUTED, replace(ROUTED, id="fedcba9876543210")]))

    assert page.index("0123456789ab") < page.index("fedcba987654")
