"""What data planes say of their exchanges counts for their own scope, and proves whose traffic passes them."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.v1 import delivery_pb2 as wire
from costward_operator.delivery.planes import Account, Plane
from costward_operator.delivery.reports import MOST_ROWS, Reports, Totals

SHARED = Plane(Account("costward-system", "costward-extproc"), "a", "1", None)
SIDECAR = Plane(Account("team-a", "bot"), "b", "1", "team-a")


def pulse(*sums: wire.Sum, since: int = 1) -> wire.Pulse:
    return wire.Pulse(serving=True, since=since, sums=sums)


def sum_of(policy: str = "team-a/p", workload: str = "team-a/bot", exchanges: int = 3, **given: Any) -> wire.Sum:
    return wire.Sum(policy=policy, workload=workload, exchanges=exchanges, **{"last": 90, **given})


def test_a_shared_data_plane_tells_of_everybody() -> None:
    reports = Reports()
    reports.hear(SHARED, pulse(sum_of(spent=7), sum_of("team-b/q", "team-b/bot", hits=1)), now=100)
    assert reports.seen == {("team-a", "bot"): 90, ("team-b", "bot"): 90}
    assert reports.by_policy() == {"team-a/p": Totals(3, spent=7), "team-b/q": Totals(3, hits=1)}


@pytest.mark.parametrize(
    "told",
    [
        sum_of("team-b/q", "team-b/bot"),
        sum_of("team-b/q", "team-a/bot"),
        sum_of("team-a/p", "team-b/bot"),
        sum_of("", "team-a"),
        sum_of("", ""),
        sum_of("team-a/" + "p" * 600),
    ],
)
def test_a_sidecar_tells_of_its_own_namespace_only(told: wire.Sum) -> None:
    reports = Reports()
    reports.hear(SIDECAR, pulse(told), now=100)
    assert reports.seen == {}
    assert reports.by_policy() == {}
    assert reports.refused == 1


def test_newer_sums_take_the_place_of_older_ones() -> None:
    reports = Reports()
    reports.hear(SHARED, pulse(sum_of(), sum_of("team-b/q")), now=100)
    reports.hear(SHARED, pulse(sum_of(exchanges=5)), now=105)
    assert reports.of(SHARED) == Totals(8)


def test_a_process_that_began_anew_counts_from_nothing() -> None:
    reports = Reports()
    reports.hear(SHARED, pulse(sum_of(exchanges=100)), now=100)
    reports.hear(SHARED, pulse(sum_of(exchanges=1), since=2), now=105)
    assert reports.of(SHARED) == Totals(1)


def test_what_a_data_plane_saw_stays_seen_when_it_leaves() -> None:
    reports = Reports()
    reports.hear(SIDECAR, pulse(sum_of()), now=100)
    reports.leave(SIDECAR)
    assert reports.of(SIDECAR) == Totals()
    assert reports.seen == {("team-a", "bot"): 90}


def test_a_clock_that_is_ahead_sees_no_future() -> None:
    reports = Reports()
    reports.hear(SIDECAR, pulse(sum_of(last=10**9)), now=100)
    assert reports.seen == {("team-a", "bot"): 100}


def test_memory_is_bounded() -> None:
    reports = Reports()
    for at in range(0, MOST_ROWS + 500, 500):
        rows = [sum_of(workload=f"team-a/{number}") for number in range(at, at + 500)]
        reports.hear(SHARED, pulse(*rows), now=100)
    assert reports.of(SHARED).exchanges == 3 * MOST_ROWS
    assert reports.refused == 500
