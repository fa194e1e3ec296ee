"""Standings from memory: exact for this process, asked again after half a second, never older than our own changes."""

from __future__ import annotations

from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.standings import FRESH_S, Standings
from costward_extproc.core.ledger import Charge, Position, Standing

CHARGE = Charge("k", Cap("c", "Workload", "Day", MicroUSD(100)), None)


def _said(spent: int, reserved: int = 0) -> Position:
    return Position((Standing(MicroUSD(spent), MicroUSD(reserved)),), 10)


def _known(standings: Standings, now: float = 0.0) -> tuple[int, int] | None:
    position = standings.position((CHARGE,), "o", now)
    return None if position is None else (position.standings[0].spent, position.standings[0].reserved)


def test_unknown_is_asked_for() -> None:
    assert _known(Standings()) is None


def test_own_changes_are_seen_at_once() -> None:
    standings = Standings()
    standings.learn((CHARGE,), "o", _said(5), standings.changes, 0.0)
    standings.book(["k"], reserved=7, spent=0)
    assert _known(standings) == (5, 7)
    standings.book(["k"], reserved=-7, spent=3)
    assert _known(standings) == (8, 0)


def test_what_others_spent_is_asked_for_again() -> None:
    standings = Standings()
    standings.learn((CHARGE,), "o", _said(5), standings.changes, 0.0)
    assert _known(standings, FRESH_S) == (5, 0)
    assert _known(standings, FRESH_S + 0.01) is None


def test_a_clock_put_back_does_not_make_it_fresh_for_ever() -> None:
    standings = Standings()
    standings.learn((CHARGE,), "o", _said(5), standings.changes, 1_000.0)
    assert _known(standings, 0.0) is None


def test_an_answer_asked_for_before_our_change_is_not_believed() -> None:
    standings = Standings()
    standings.learn((CHARGE,), "o", _said(5), standings.changes, 0.0)
    asked = standings.changes
    standings.book(["k"], reserved=0, spent=3)
    standings.learn((CHARGE,), "o", _said(5), asked, 0.1)
    assert _known(standings, 0.1) == (8, 0)


def test_that_a_typical_output_is_unknown_is_remembered_as_long_as_one_that_is_known() -> None:
    standings = Standings()
    standings.learn((CHARGE,), "o", Position(_said(5).standings, None), standings.changes, 0.0)
    known = standings.position((CHARGE,), "o", FRESH_S)
    assert known is not None
    assert known.typical_output is None
    assert standings.position((CHARGE,), "o", FRESH_S + 0.01) is None
