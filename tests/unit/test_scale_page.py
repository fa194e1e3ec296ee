"""The page of `make scale` says what was met and missed, and what more policies cost."""

from __future__ import annotations

from typing import Any

from tools.scale_page import GOAL_AT, ROWS, page


def result(policies: int, **figures: float) -> dict[str, Any]:
    machine = {"cores": 2, "memoryGiB": 24, "python": "3.11", "kubernetes": "v1", "on": "2026-01-01"}
    return {**{row.name: 0 for row in ROWS}, "policies": policies, "machine": machine, **figures}


def test_a_goal_that_is_missed_is_named() -> None:
    text = page([result(GOAL_AT, peak_mib=251, burst_s=30)])

    assert "Missed at 10,000 policies: memory at most: 251 MiB instead of 250 MiB." in text


def test_growth_is_told_by_the_thousand() -> None:
    few = result(1_000, publish_cpu_s=2, statuses_cpu_s=5, peak_mib=100)
    many = result(11_000, publish_cpu_s=7, statuses_cpu_s=40, peak_mib=250)

    text = " ".join(page([few, many]).split())

    assert "0.5 s of CPU until the first publish, 3.0 s for writing its statuses once, and 15 MiB of memory." in text


def test_one_number_of_policies_tells_no_growth() -> None:
    assert "each further thousand" not in page([result(100)])
