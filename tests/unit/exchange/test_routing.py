"""Which model serves: aliases always, named models only where the owner opted in, and never a dearer one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_contract.snapshot import Alias, Mode, RoutingPolicy, RoutingRule, Rung, When

from tests.fakes.world import LARGE, SMALL, Run, World, chat, policy

MIDDLE = Rung("middle", "gpt-5-nano")
AUTO = Alias("auto", ("small", "middle", "large"))
LOWER = Alias("cheap", ("small", "middle"))
CLASSIFY = {"x-costward-task-type": "Classification"}
DOWN = RoutingRule(When(task_type="Classification"), "small")


def _ask(
    model: str,
    *rules: RoutingRule,
    headers: dict[str, str] | None = None,
    mode: Mode = "Enforce",
    named: bool = False,
    **members: Any,
) -> Run:
    routing = RoutingPolicy(mode, named, rules)
    world = World.of(policy(models=(SMALL, MIDDLE, LARGE), aliases=(AUTO, LOWER), routing=routing))
    return world.ask(chat(model=model, **members), headers or {})


def _sent(run: Run) -> str:
    assert run.upstream is not None
    return "as it came" if run.upstream.body is None else json.loads(run.upstream.body)["model"]


@pytest.mark.parametrize(("alias", "model"), [("auto", "gpt-5"), ("cheap", "gpt-5-nano")])
def test_an_alias_means_its_best_rung(alias: str, model: str) -> None:
    run = _ask(alias)
    assert _sent(run) == model
    assert (run.record.decision, run.record.reason, run.record.asked_model) == ("route", "alias", alias)
    assert run.record.baseline == run.record.cost
    assert run.headers["x-costward-model"] == model


def test_a_rule_chooses_within_the_alias() -> None:
    run = _ask("auto", DOWN, headers=CLASSIFY)
    assert _sent(run) == "gpt-5-mini"
    assert (run.record.decision, run.record.reason, run.record.rung) == ("route", "rule[0]", "small")
    assert (run.record.cost, run.record.baseline) == (17, 85), "what the best rung would have cost"
    assert (run.record.route.rule, run.record.route.rung, run.record.route.enforced) == ("rule[0]", "small", True)


def test_no_task_type_no_rule() -> None:
    assert _sent(_ask("auto", DOWN)) == "gpt-5"
    assert _sent(_ask("auto", DOWN, headers={"x-costward-task-type": "Coding"})) == "gpt-5"


def test_a_rung_outside_the_alias_is_not_chosen() -> None:
    assert _sent(_ask("cheap", RoutingRule(When(), "large"))) == "gpt-5-nano"


def test_the_first_rule_that_holds_wins() -> None:
    rules = RoutingRule(When(tools=True), "large"), RoutingRule(When(), "middle"), RoutingRule(When(), "small")
    run = _ask("auto", *rules)
    assert _sent(run) == "gpt-5-nano"
    assert run.record.reason == "rule[1]"


TOOL = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("when", "members", "holds"),
    [
        (When(tools=True), {"tools": TOOL}, True),
        (When(tools=True), {}, False),
        (When(tools=False), {"tools": TOOL}, False),
        (When(tools=False), {}, True),
        (When(max_prompt_tokens=20), {}, True),
        (When(max_prompt_tokens=12), {}, False),
        (When(min_prompt_tokens=13), {}, True),
        (When(min_prompt_tokens=14), {}, False),
        (When(tools=False, max_prompt_tokens=12), {}, False),
    ],
)
def test_conditions(when: When, members: dict[str, Any], holds: bool) -> None:
    # Six words, three tokens of framing and four for the message: thirteen.
    assert (_sent(_ask("auto", RoutingRule(when, "small"), **members)) == "gpt-5-mini") == holds


def test_observe_says_what_it_would_have_done() -> None:
    run = _ask("auto", DOWN, headers=CLASSIFY, mode="Observe")
    assert _sent(run) == "gpt-5"
    assert run.record.reason == "alias"
    assert (run.record.route.rule, run.record.route.rung, run.record.route.enforced) == ("rule[0]", "small", False)


def test_off_does_not_even_look() -> None:
    run = _ask("auto", DOWN, headers=CLASSIFY, mode="Off")
    assert _sent(run) == "gpt-5"
    assert run.record.route.rule is None


def test_a_named_model_is_left_alone() -> None:
    run = _ask("gpt-5", DOWN, headers=CLASSIFY)
    assert _sent(run) == "as it came"
    assert (run.record.decision, run.record.rung) == ("pass", "large")


def test_a_named_model_is_rewritten_where_the_owner_opted_in() -> None:
    run = _ask("gpt-5", DOWN, headers=CLASSIFY, named=True)
    assert _sent(run) == "gpt-5-mini"
    assert (run.record.cost, run.record.baseline) == (17, 85)


def test_never_dearer_than_what_was_named() -> None:
    up = RoutingRule(When(), "large")
    assert _sent(_ask("gpt-5-mini", up, named=True)) == "as it came"
    assert _sent(_ask("gpt-5-nano", up, RoutingRule(When(), "small"), named=True)) == "gpt-5-mini"


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_route_off_is_obeyed(value: str) -> None:
    off = {**CLASSIFY, "x-costward-route": value}
    assert _sent(_ask("gpt-5", DOWN, headers=off, named=True)) == "as it came"
    run = _ask("auto", DOWN, headers=off)
    assert _sent(run) == "gpt-5", "an alias must still become a model"
    assert run.record.route.rule is None


def test_a_model_that_the_policy_does_not_know_goes_as_it_came() -> None:
    run = _ask("o9", RoutingRule(When(), "small"), named=True)
    assert _sent(run) == "as it came"
    assert (run.record.rung, run.record.decision) == (None, "pass")


def test_the_answer_s_own_model_is_told() -> None:
    """Never the alias: who is billed by model must be able to check it."""
    run = _ask("auto", DOWN, headers=CLASSIFY)
    assert run.record.served_model == "gpt-5-2025-08-07"
    assert b'"model": "gpt-5-2025-08-07"' in run.flowed
