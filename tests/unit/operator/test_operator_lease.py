"""One leader, whatever the clocks say: the election against a shared lease, with any interleaving."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from costward_operator.core.lease import (
    LEASE_S,
    RENEW_WITHIN_S,
    Lease,
    Observed,
    Wait,
    Write,
    observe,
    released,
    standing,
    step,
)
from hypothesis import given
from hypothesis import strategies as st

WALL = "2026-03-01T10:00:00.000000Z"


def held(by: str = "other", renewed: str = WALL, duration_s: float = LEASE_S) -> Lease:
    return Lease(by, duration_s, WALL, renewed, 3, "7")


def test_where_there_is_none_it_is_made() -> None:
    assert step(Observed(None, 0.0), "me", 0.0, WALL) == Write(Lease("me", LEASE_S, WALL, WALL, 0))


def test_the_holder_renews_and_keeps_when_it_was_acquired() -> None:
    assert step(Observed(held("me"), 0.0), "me", 5.0, "later") == Write(replace(held("me"), renewed="later"))


def test_another_ones_lease_is_honoured_until_it_was_silent_for_its_whole_time() -> None:
    first = observe(None, held(), 100.0)

    assert step(first, "me", 100.0 + LEASE_S - 0.01, WALL) == Wait("other")
    assert step(first, "me", 100.0 + LEASE_S, "now") == Write(Lease("me", LEASE_S, "now", "now", 4, "7"))


def test_a_sign_of_life_begins_the_time_anew() -> None:
    first = observe(None, held(), 100.0)
    second = observe(first, held(renewed="a moment later"), 110.0)

    assert step(second, "me", 110.0 + LEASE_S - 0.01, WALL) == Wait("other")


@pytest.mark.parametrize("clock", ["1990-01-01T00:00:00Z", "2090-01-01T00:00:00Z", "rubbish"])
def test_the_holders_clock_means_nothing(clock: str) -> None:
    first = observe(None, held(renewed=clock), 100.0)

    assert step(first, "me", 101.0, WALL) == Wait("other")
    assert isinstance(step(first, "me", 116.0, WALL), Write)


def test_a_label_on_the_lease_is_no_sign_of_life() -> None:
    first = observe(None, held(), 100.0)
    second = observe(first, replace(held(), version="8"), 110.0)

    assert (second.at, second.lease) == (100.0, replace(held(), version="8"))


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    given = released(held(), WALL)

    assert isinstance(step(observe(None, given, 0.0), "me", 0.0, WALL), Write)


def test_nobody_is_honoured_for_ever() -> None:
    first = observe(None, held(duration_s=1e9), 0.0)

    assert isinstance(step(first, "me", 301.0, WALL), Write)


def test_a_leader_that_could_not_renew_has_lost_before_another_may_begin() -> None:
    assert standing(100.0, 100.0 + RENEW_WITHIN_S - 0.01) == "leads"
    assert standing(100.0, 100.0 + RENEW_WITHIN_S) == "lost"
    assert RENEW_WITHIN_S < LEASE_S
    assert standing(None, 5.0) == "follows"


@dataclass
class Candidate:
    name: str
    skew: float
    """Of its wall clock; its monotonic clock runs right."""
    observed: Observed | None = None
    renewed_at: float | None = None


@dataclass
class World:
    """The API server's part: one lease, writes only for the version that was read."""

    now: float = 0.0
    lease: Lease | None = None
    version: int = 0
    leaders: list[set[str]] = field(default_factory=list)

    def turn(self, one: Candidate, *, hears: bool) -> None:
        if not hears:
            return
        one.observed = observe(one.observed, self.lease, self.now)
        wanted = step(one.observed, one.name, self.now, str(self.now + one.skew))
        if isinstance(wanted, Write) and wanted.lease.version == (self.lease.version if self.lease else ""):
            self.version += 1
            self.lease = replace(wanted.lease, version=str(self.version))
            one.renewed_at = self.now


@given(
    skews=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    turns=st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.floats(0, 12)), max_size=60),
)
def test_two_never_lead_at_once_with_any_skew_and_any_silence(
    skews: tuple[float, float], turns: list[tuple[int, bool, float]]
) -> None:
    world, candidates = World(), [Candidate("a", skews[0]), Candidate("b", skews[1])]
    for who, hears, passes in turns:
        world.now += passes
        world.turn(candidates[who], hears=hears)
        leading = [one.name for one in candidates if standing(one.renewed_at, world.now) == "leads"]

        assert len(leading) <= 1
