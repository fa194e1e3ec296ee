"""A ledger that cannot say where a caller stands: the tier's declared mode holds, and it is never silent."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import OnFailure
from costward_extproc.core.events import Reserve

from tests.fakes.world import Run, World, chat, policy, tier


def _run(mode: OnFailure, *failing: str) -> Run:
    world = World.of(policy(tiers=(tier(on_ledger_failure=mode),)), fail=frozenset(failing))
    return world.ask(chat())


@pytest.mark.parametrize("failing", ["stand", "reserve"])
def test_open_goes_on_and_says_so(failing: str) -> None:
    run = _run("Open", failing)
    assert run.upstream is not None
    assert run.record.decision == "pass"
    assert "ledger-unavailable" in run.record.warnings
    assert run.record.cost == 85


@pytest.mark.parametrize("failing", ["stand", "reserve"])
def test_closed_refuses(failing: str) -> None:
    run = _run("Closed", failing)
    assert run.upstream is None
    assert run.answer is not None
    assert run.answer.status == 503
    assert json.loads(run.answer.body)["error"]["code"] == "ledger_unavailable"
    assert run.headers["retry-after"] == "1"
    assert (run.record.decision, run.record.reason, run.record.cost) == ("refuse", "ledger-unavailable", 0)
    assert "ledger-unavailable" in run.record.warnings


def test_closed_refuses_hits_too() -> None:
    world = World.of(policy(tiers=(tier(on_ledger_failure="Closed"),)))
    world.ask(chat())
    world.fail = frozenset({"stand"})
    assert world.ask(chat()).record.decision == "refuse"


def test_without_a_standing_nothing_is_reserved_and_the_true_cost_is_booked_all_the_same() -> None:
    run = _run("Open", "stand")
    assert not run.has(Reserve)
    assert run.settlement.cost == run.record.cost > 0
    assert run.settlement.charges


@pytest.mark.parametrize(("mode", "cost"), [("Open", 85), ("Closed", 0)])
def test_a_reservation_that_may_have_come_through_is_settled(mode: OnFailure, cost: int) -> None:
    """The failure may be a deadline that passed while the ledger was still at work."""
    run = _run(mode, "reserve")
    assert run.settlement.cost == cost
    assert run.settlement.id == run.record.id


@pytest.mark.parametrize("mode", ["Open", "Closed"])
def test_without_caps_a_dead_ledger_matters_to_nobody(mode: OnFailure) -> None:
    uncapped = type(tier())("default", on_ledger_failure=mode)
    run = World.of(policy(tiers=(uncapped,)), fail=frozenset({"stand", "reserve"})).ask(chat())
    assert run.upstream is not None
    assert run.record.warnings == ()
