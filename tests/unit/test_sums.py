"""What is told of a data plane's exchanges: true totals, each once, in pieces, and all again to who knows nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from costward_contract.v1 import delivery_pb2 as wire
from costward_extproc.adapters.sums import MOST_ROWS, MOST_TOLD, Sums
from costward_extproc.core.record import Record

from tests.fakes.world import World, policy


def record(**changes: Any) -> Record:
    made = World.of(policy()).ask({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]}).record
    return replace(made, **changes)


def sums() -> Sums:
    return Sums(12.5, lambda: True)


def told(of: Sums) -> list[wire.Sum]:
    found: list[wire.Sum] = []
    is_more = True
    while is_more:
        pulse, is_more = of.next()
        found.extend(pulse.sums)
    return found


def test_exchanges_are_summed_by_policy_and_workload() -> None:
    of = sums()
    of.write(record(policy="team/p", workload="c/team/app", cost=5, baseline=7, at=20.0))
    of.write(record(policy="team/p", workload="c/team/app", cost=0, baseline=7, decision="hit-exact", at=30.0))
    of.write(record(policy=None, workload="c/other/app", dialect=None, reason="unpriced-endpoint", cost=0, baseline=0))
    pulse, is_more = of.next()
    assert (pulse.serving, pulse.since, is_more) == (True, 12_500, False)
    first, second = pulse.sums
    assert first == wire.Sum(policy="team/p", workload="team/app", exchanges=2, hits=1, spent=5, saved=9, last=30)
    assert (second.policy, second.workload, second.exchanges, second.unpriced) == ("", "other/app", 1, 1)


def test_what_did_not_change_is_not_told_again() -> None:
    of, one = sums(), record()
    of.write(replace(one, workload="c/team/a"))
    of.write(replace(one, workload="c/team/b"))
    assert len(told(of)) == 2
    of.write(replace(one, workload="c/team/b"))
    assert [row.workload for row in told(of)] == ["team/b"]
    of.begin()
    assert [row.workload for row in told(of)] == ["team/a", "team/b"]


def test_one_pulse_holds_so_many_and_says_that_there_is_more() -> None:
    of, one = sums(), record()
    for number in range(MOST_TOLD + 1):
        of.write(replace(one, workload=f"c/team/{number}"))
    pulse, is_more = of.next()
    assert (len(pulse.sums), is_more) == (MOST_TOLD, True)
    pulse, is_more = of.next()
    assert (len(pulse.sums), is_more) == (1, False)


def test_beyond_the_bound_totals_stay_true() -> None:
    of, one = sums(), record()
    for number in range(MOST_ROWS + 10):
        of.write(replace(one, workload=f"c/team/{number}"))
    rows = told(of)
    assert sum(row.exchanges for row in rows) == MOST_ROWS + 10
    assert [row.exchanges for row in rows if not row.workload] == [10]
