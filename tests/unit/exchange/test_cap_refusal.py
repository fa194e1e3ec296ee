"""A refusal tells SDKs the truth: whether and when to try again, and people which cap, whose, and how much."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import LadderStep, Window
from costward_extproc.core.events import GoUpstream, Settle

from tests.fakes.world import NOW, Run, World, chat, policy, tier

MESSAGE = LadderStep(
    1_000_000, "Message", text="The {tier} plan of {policy} is used up until {resetsAt}; ask {contact}."
)


def _spent(window: Window = "Day") -> Run:
    world = World.of(policy(tiers=(tier(1_000, MESSAGE, window=window),)), already_spent=1_500)
    return world.ask(chat())


def test_spent_is_429_in_the_dialect_s_own_shape() -> None:
    run = _spent()
    assert run.answer is not None
    assert run.answer.status == 429
    assert run.headers["content-type"] == "application/json"
    error = json.loads(run.answer.body)["error"]
    assert set(error) == {"message", "type", "param", "code", "details"}
    assert (error["type"], error["code"], error["param"]) == ("insufficient_quota", "budget_exceeded", None)
    assert error["message"] == "The default plan of team/bot is used up until 2027-01-16T00:00:00Z; ask #support."
    assert error["details"] == {
        "cap": "default/Workload/Day",
        "policy": "team/bot",
        "owner": "support",
        "contact": "#support",
        "spentUSD": "0.001500",
        "reservedUSD": "0.000000",
        "limitUSD": "0.001000",
        "resetsAt": "2027-01-16T00:00:00Z",
    }


def test_spent_is_not_worth_a_retry_before_the_reset() -> None:
    run = _spent()
    assert run.headers["x-should-retry"] == "false"
    after = int(run.headers["retry-after"])
    start_of_next_day = 1_800_057_600
    assert NOW + after >= start_of_next_day
    assert NOW + after <= start_of_next_day + 1
    assert run.headers["x-costward-decision"] == "refuse"
    assert run.headers["x-costward-cost-usd"] == "0.000000"


def test_a_cap_without_a_window_names_no_time() -> None:
    run = _spent("Lifetime")
    assert "retry-after" not in run.headers
    assert run.headers["x-should-retry"] == "false"
    assert run.answer is not None
    assert json.loads(run.answer.body)["error"]["details"]["resetsAt"] == "never"


def test_held_by_others_is_worth_a_retry_soon() -> None:
    world = World.of(policy(tiers=(tier(1_000, MESSAGE),)), already_reserved=999)
    run = world.ask(chat())
    assert run.answer is not None
    assert run.answer.status == 429
    assert run.headers["retry-after"] == "1"
    assert "x-should-retry" not in run.headers
    error = json.loads(run.answer.body)["error"]
    assert error["code"] == "budget_reserved"
    assert "used up" not in error["message"]
    assert run.record.reason == "cap-reserved"


def test_spent_without_a_ladder_is_refused_by_the_reservation() -> None:
    run = World.of(policy(tiers=(tier(1_000),)), already_spent=1_000).ask(chat())
    assert run.record.reason == "cap-spent"
    assert run.headers["x-should-retry"] == "false"
    assert run.answer is not None
    assert "limit of $0.001000 is used up" in json.loads(run.answer.body)["error"]["message"]


def test_the_owner_s_words_hold_wherever_the_ladder_ends() -> None:
    """At a standing just below the last step, the reservation finds the cap spent."""
    world = World.of(policy(tiers=(tier(1_000, LadderStep(2_000_000, "Message", text="Ours.")),)), already_spent=1_000)
    run = world.ask(chat())
    assert run.answer is not None
    assert json.loads(run.answer.body)["error"]["message"] == "Ours."


@pytest.mark.parametrize("spent", [0, 1_000])
def test_a_refused_exchange_reserves_settles_and_costs_nothing(spent: int) -> None:
    world = World.of(policy(tiers=(tier(1_000),)), already_spent=spent, already_reserved=1_000 - spent)
    run = world.ask(chat())
    assert not run.has(Settle)
    assert not run.has(GoUpstream)
    assert world.reserved == {}
    record = run.record
    assert (record.decision, record.cost, record.baseline, record.reserved) == ("refuse", 0, 0, 0)
    assert (record.status, record.end, record.attempts) == (429, "complete", ())


def test_one_is_admitted_alone_where_nothing_else_is_held() -> None:
    world = World.of(policy(tiers=(tier(1_000),)), already_spent=999)
    run = world.ask(chat())
    assert run.upstream is not None
    assert run.record.warnings == ("admitted-alone",)
    assert world.ask(chat("Something else")).record.reason == "cap-spent", "now it is spent"
