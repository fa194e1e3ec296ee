"""As spend rises: warn, then a cheaper model, then the owner's message; hits are part of what is capped."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import LadderStep
from costward_extproc.core.events import Reserve

from tests.fakes.world import World, chat, completion, policy, tier

LADDER = (
    LadderStep(800_000, "Warn"),
    LadderStep(900_000, "UseModel", rung="small"),
    LadderStep(1_000_000, "Message", text="{tier} used up ${spent} of ${limit} until {resetsAt}: {contact}"),
)


def _world(spent: int) -> World:
    return World.of(policy(tiers=(tier(1_000_000, *LADDER),)), already_spent=spent)


@pytest.mark.parametrize(
    ("spent", "decision", "reason", "step"),
    [
        (0, "pass", "cache-miss", None),
        (799_999, "pass", "cache-miss", None),
        (800_000, "pass", "cap-warn", "Warn"),
        (899_999, "pass", "cap-warn", "Warn"),
        (900_000, "degrade", "cap-use-model", "UseModel"),
        (999_999, "degrade", "cap-use-model", "UseModel"),
        (1_000_000, "refuse", "cap-spent", "Message"),
        (9_000_000, "refuse", "cap-spent", "Message"),
    ],
)
def test_the_step_in_force(spent: int, decision: str, reason: str, step: str | None) -> None:
    run = _world(spent).ask(chat())
    assert (run.record.decision, run.record.reason, run.record.caps[0].step) == (decision, reason, step)
    assert run.record.caps[0].spent == spent
    assert ("x-costward-cap" in run.headers) == (step is not None)


def test_a_warning_says_where_the_cap_stands() -> None:
    run = _world(800_000).ask(chat())
    assert run.upstream is not None
    assert run.upstream.body is None, "a warning changes no byte"
    assert run.headers["x-costward-cap"] == (
        "default/Workload/Day; spent=0.800000; limit=1.000000; resets=2027-01-16T00:00:00Z"
    )


def test_use_model_sends_the_cheaper_one_and_tells_what_it_saved() -> None:
    run = _world(900_000).ask(chat(), answer=completion(model="gpt-5-mini"))
    assert run.upstream is not None
    assert run.upstream.body is not None
    assert json.loads(run.upstream.body)["model"] == "gpt-5-mini"
    assert (run.record.asked_model, run.record.rung) == ("gpt-5", "small")
    assert (run.record.cost, run.record.baseline) == (17, 85)
    assert run.headers["x-costward-model"] == "gpt-5-mini"
    (reserve,) = [effect for effect in run.effects if isinstance(effect, Reserve)]
    assert reserve.reservation.amount < 5_000, "the worst case of the model that is called"


def test_a_degrade_never_moves_up() -> None:
    up = LadderStep(900_000, "UseModel", rung="large")
    world = World.of(policy(tiers=(tier(1_000_000, up),)), already_spent=900_000)
    run = world.ask(chat(model="gpt-5-mini"))
    assert (run.record.decision, run.record.rung) == ("pass", "small")


def test_a_model_outside_the_ladder_goes_as_it_came() -> None:
    run = _world(900_000).ask(chat(model="gpt-4.1"))
    assert run.upstream is not None
    assert run.upstream.body is None
    assert (run.record.decision, run.record.rung) == ("pass", None)


def test_reservations_do_not_move_the_ladder() -> None:
    world = _world(0)
    world.already_reserved = 950_000
    assert world.ask(chat()).record.caps[0].step is None


def test_a_hit_is_refused_where_the_message_is_in_force() -> None:
    world = _world(0)
    world.ask(chat())
    assert world.ask(chat()).record.decision == "hit-exact"
    world.already_spent = 1_000_000
    run = world.ask(chat())
    assert (run.record.decision, run.record.cost, run.record.baseline) == ("refuse", 0, 0)


def test_a_hit_needs_no_money_where_no_message_is_in_force() -> None:
    world = World.of(policy(tiers=(tier(1_000_000),)))
    world.ask(chat())
    world.already_spent = 1_000_000
    assert world.ask(chat()).record.decision == "hit-exact"
    assert world.ask(chat("Something new")).record.decision == "refuse"


def test_the_cap_that_is_nearest_to_its_limit_decides() -> None:
    near, far = tier(1_000_000).caps[0], tier(2_000_000, per="Policy").caps[0]
    tiers = (type(tier())("default", (far, near), LADDER),)
    run = World.of(policy(tiers=tiers), already_spent=850_000).ask(chat())
    assert run.headers["x-costward-cap"].startswith("default/Workload/Day;")
    assert [cap.id for cap in run.record.caps] == ["default/Policy/Day", "default/Workload/Day"]


def test_a_cap_of_nothing_is_always_used_up() -> None:
    assert World.of(policy(tiers=(tier(0, *LADDER),))).ask(chat()).record.decision == "refuse"
