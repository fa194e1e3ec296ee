"""Both attempts of an exchange are counted and paid for, once, and a cap stands before the second."""

from __future__ import annotations

import pytest
from costward_extproc.core.events import Answer, GoUpstream, Raise, Settle
from costward_extproc.core.tickets import Verdict

from tests.fakes.two_attempts import FAR, TwoAttempts, closed, falling_back
from tests.fakes.world import World, chat, completion, tier


def attempts(world: World) -> TwoAttempts:
    return TwoAttempts.of(world, chat(model="auto", max_tokens=1_000))


def raised(run: TwoAttempts) -> int:
    return int(run.second.only(Raise).reservation.amount)


def test_what_is_reserved_covers_both() -> None:
    run = attempts(World.of(falling_back()))
    reply = run.fail(503)
    first = run.first.state.case  # type: ignore[union-attr]  # it has been read
    assert raised(run) == first.seen + _worst(run, "gpt-5")
    assert isinstance(reply, GoUpstream)
    assert Verdict.of(reply.verdict) == Verdict("next", 503)


def _worst(run: TwoAttempts, model: str) -> int:
    case = run.first.state.case  # type: ignore[union-attr]  # it has been read
    rates = run.world.means.quote(model).rates
    return -(-(case.tokens * rates.input + 1_000 * rates.output) // 1_000_000)


@pytest.mark.parametrize(("status", "charged"), [(503, False), (429, False), (504, True), (None, True)])
def test_an_attempt_without_an_answer_is_charged_its_input(status: int | None, charged: bool) -> None:
    run = attempts(World.of(falling_back()))
    verdict = run.fail(status).verdict
    record = run.answer(verdict).record
    first, last = record.attempts
    assert (first.model, first.status, last.model, last.status) == ("gpt-5-mini", status, "gpt-5", 200)
    assert (first.cost > 0) is charged
    assert record.cost == first.cost + last.cost == run.first.settlement.cost
    assert ("usage-estimated" in record.warnings) is charged
    assert (record.rung, record.reason, record.decision) == ("large", "fallback", "route")
    assert "second-attempt" in record.warnings


def test_a_cap_that_refuses_is_the_answer() -> None:
    world = World.of(falling_back(tiers=(tier(12_000),)))
    run = attempts(world)
    world.already_reserved = 5_000
    reply = run.fail(503)
    assert isinstance(reply, Answer)
    assert (reply.status, b"budget_reserved" in reply.body) == (429, True)
    record = run.answer(reply.verdict, 429, reply.body).record
    assert (record.decision, record.reason, record.status) == ("refuse", "cap-reserved", 429)
    assert [(a.model, a.status) for a in record.attempts] == [("gpt-5-mini", 503)]
    assert (record.cost, run.first.settlement.cost) == (0, 0)


def test_what_it_holds_already_does_not_stand_in_its_way() -> None:
    run = attempts(World.of(falling_back(tiers=(tier(10_500),))))
    assert isinstance(run.fail(503), GoUpstream)


@pytest.mark.parametrize(("tiers", "goes"), [((tier(FAR),), True), (closed(FAR), False)], ids=["Open", "Closed"])
def test_a_ledger_that_cannot_say_is_what_the_plan_says(tiers: object, goes: bool) -> None:
    world = World.of(falling_back(tiers=tiers))
    run = attempts(world)
    world.fail = frozenset({"raise"})
    assert isinstance(run.fail(503), GoUpstream) is goes


def test_the_second_attempt_accounts_for_nothing() -> None:
    run = attempts(World.of(falling_back()))
    verdict = run.fail(503).verdict
    assert not run.second.has(Settle)
    assert run.world.records == []
    run.answer(verdict)
    assert len(run.world.records) == 1


def test_an_attempt_that_nobody_of_ours_saw_counts() -> None:
    run = attempts(World.of(falling_back()))
    record = run.answer("", 200, completion(model="gpt-5-mini")).record
    assert [(a.model, a.status) for a in record.attempts] == [("gpt-5-mini", None), ("gpt-5-mini", 200)]
    assert record.attempts[0].cost > 0
    assert record.rung == "small"


@pytest.mark.parametrize(("status", "charged"), [(503, False), (400, False), (504, True)])
def test_two_refusals_that_nobody_of_ours_saw_cost_nothing(status: int, charged: bool) -> None:
    record = attempts(World.of(falling_back())).answer("", status, b"{}").record
    assert [a.status for a in record.attempts] == [status, status]
    assert [a.cost > 0 for a in record.attempts] == [charged, charged]


def test_one_attempt_is_one() -> None:
    run = attempts(World.of(falling_back()))
    record = run.answer("", attempts=1).record
    assert [(a.model, a.status) for a in record.attempts] == [("gpt-5-mini", 200)]
    assert record.reason == "rule[0]"
