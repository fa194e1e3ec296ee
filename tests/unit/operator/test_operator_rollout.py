"""How far a snapshot goes: decided from who has it, who refused it, and how long ago."""

from __future__ import annotations

import pytest
from costward_contract.snapshot import Snapshot
from costward_operator.core.rollout import AT_ONCE, Canary, Move, Pin, Trial, Trying, held_back, move, named
from costward_operator.delivery.planes import Account, Key, chosen
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

TENTH = Canary(10, soak_s=60)
OLD, NEW, NEWER = "old", "new", "newer"
RUNNING = Trial(Snapshot(hash=NEW), begun_at=100)


@pytest.mark.parametrize(
    ("trial", "wanted", "first", "now", "expected"),
    [
        (None, OLD, (), 0, "nothing"),
        (None, NEW, (), 0, "try"),
        (RUNNING, NEW, ("took",), 159, "nothing"),
        (RUNNING, NEW, ("took",), 160, "promote"),
        (RUNNING, NEW, (), 160, "promote"),
        (RUNNING, NEW, ("took", "asked"), 160, "nothing"),
        (RUNNING, NEW, ("took", "refused"), 160, "nothing"),
        (RUNNING, NEWER, ("took",), 130, "nothing"),
        (RUNNING, NEWER, ("took",), 160, "promote"),
        (RUNNING, NEWER, ("refused",), 101, "try"),
        (RUNNING, OLD, ("refused",), 101, "all"),
        (RUNNING, OLD, ("took",), 101, "all"),
    ],
)
def test_a_trial(trial: Trial | None, wanted: str, first: tuple[Trying, ...], now: float, expected: Move) -> None:
    assert move(TENTH, trial, wanted, OLD, first, now) == expected


def test_without_a_canary_all_get_it_at_once() -> None:
    assert move(AT_ONCE, None, NEW, OLD, (), 0) == "all"


def test_data_planes_that_have_nothing_are_no_place_for_a_trial() -> None:
    assert move(TENTH, None, NEW, "", (), 0) == "all"


def test_going_back_ends_a_trial_at_once() -> None:
    assert move(AT_ONCE, RUNNING, OLD, OLD, ("took",), 101) == "all"


def test_statuses_say_why_the_newest_is_not_everywhere() -> None:
    assert held_back(TENTH, None, Pin()) == ""
    assert "new is on trial with 10 % of the data planes for 60 s" in held_back(TENTH, RUNNING, Pin())
    assert "pinned to old" in held_back(TENTH, None, Pin("old", Snapshot(hash="sha256:old")))
    assert "not kept any more" in held_back(TENTH, None, Pin("sha256:0123456789"))


HASHES = ("sha256:0123456789abcdef", "sha256:0123456700000000")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (HASHES[0], HASHES[0]),
        ("0123456789", HASHES[0]),
        (" sha256:01234567000 ", HASHES[1]),
        ("01234567", None),
        ("0123", None),
        ("fedcba98", None),
        ("", None),
    ],
)
def test_a_snapshot_is_named_by_its_first_characters_where_they_mean_one(asked: str, found: str | None) -> None:
    assert named(asked, HASHES) == found


KEYS = st.sets(st.tuples(st.just(Account("ns", "extproc")), st.text("abcdef", min_size=1), st.just(0)), max_size=12)


@given(KEYS, KEYS, st.integers(1, 99))
def test_the_first_are_a_share_of_those_connected_and_stay_the_same(
    before: set[Key], come: set[Key], percent: int
) -> None:
    then = chosen(before, frozenset(), percent)
    now = chosen(before | come, then, percent)
    assert then <= now <= before | come
    assert len(now) == (max(1, len(before | come) * percent // 100) if before | come else 0)


class Rollouts(RuleBasedStateMachine):
    """A policy author, some data planes and time against `move`: whatever happens, what one of the first refused never
    becomes what all get."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wanted = self.published = "0"
        self.made = 0
        self.trial: Trial | None = None
        self.first: tuple[Trying, ...] = ()
        self.refused: set[str] = set()

    @rule()
    def edit(self) -> None:
        self.made += 1
        self.wanted = str(self.made)

    @rule()
    def revert(self) -> None:
        self.wanted = self.published

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: self.first == ("asked",))
    @rule(standing=st.sampled_from(["took", "refused"]))
    def answer(self, standing: Trying) -> None:
        assert self.trial is not None
        self.first = (standing,)
        if standing == "refused":
            self.refused.add(self.trial.snapshot.hash)

    @precondition(lambda self: self.first == ("took",))
    @rule()
    def leave(self) -> None:
        self.first = ()

    @rule()
    def step(self) -> None:
        match move(TENTH, self.trial, self.wanted, self.published, self.first, self.now):
            case "all":
                self.published, self.trial, self.first = self.wanted, None, ()
            case "try":
                self.trial, self.first = Trial(Snapshot(hash=self.wanted), self.now), ("asked",)
            case "promote":
                assert self.trial is not None
                assert self.now >= self.trial.begun_at + TENTH.soak_s
                self.published, self.trial, self.first = self.trial.snapshot.hash, None, ()

    @invariant()
    def nobody_else_gets_what_was_refused(self) -> None:
        assert self.published not in self.refused


TestRollouts = Rollouts.TestCase
