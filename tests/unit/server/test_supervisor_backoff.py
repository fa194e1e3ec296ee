"""How soon a worker that died is started again: at once by itself, later and later while it keeps dying."""

from __future__ import annotations

from costward_extproc.worker import Pace, Slot

PACE = Pace(first_s=0.1, longest_s=1.0, steady_s=10.0)


def test_pauses_grow_to_the_longest_while_it_keeps_dying_young() -> None:
    slot = Slot(0, PACE)
    assert [slot.pause_after(0.01) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert slot.keeps_ending
    assert slot.restarts == 6


def test_one_that_lived_long_begins_anew() -> None:
    slot = Slot(0, PACE)
    for _ in range(5):
        slot.pause_after(0.01)
    assert slot.pause_after(PACE.steady_s + 1) == PACE.first_s
    assert not slot.keeps_ending
