"""The time to read a text's facts grows with its length and no faster, whatever one long word is made of."""

from __future__ import annotations

import time

import pytest
from costward_extproc.cache.facts import facts_of

SHORT, TIMES = 4_000, 8
MOST = 3 * TIMES
"""Linear is 8 times as long, quadratic 64 times; the rest is for a machine that is busy with other work."""


def seconds(text: str) -> float:
    took = []
    for _ in range(5):
        begun = time.process_time()
        facts_of(text)
        took.append(time.process_time() - begun)
    return min(took)


@pytest.mark.parametrize("part", ["tod", "a)", "  ", "x.", ")", "a-"])
def test_a_long_run_beside_an_operator_and_a_number(part: str) -> None:
    short, long = (f"You {part * (size // len(part))} 2026-01-01 = <env>" for size in (SHORT, TIMES * SHORT))
    assert seconds(long) < MOST * max(seconds(short), 0.001)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(a+b)+c", ("a+b", ")+c")),
        ("what is x.y(1) * 2", ("1)*2",)),
        ("total = 3 - 4", ("total=3", "-4")),
        ("f(x)]. == y", ("x)].==y",)),
    ],
)
def test_what_stands_around_an_operator(text: str, code: tuple[str, ...]) -> None:
    assert facts_of(text).code == code
