"""From round to round only what changed is judged anew, and what is told is what judging all of it would tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from costward_operator.core.delivery import DataPlane, Delivery, Published
from costward_operator.core.objects import Seen, read
from costward_operator.core.reconcile import Compiled, Statuses, compile_seen, status_changes
from costward_operator.core.status import StatusChange

from tests.fakes.apiserver_objects import LATER, NOW, policy, spec


def seen(name: str) -> Seen:
    found = read(policy(name))
    assert found is not None
    return found


BEFORE = (seen("a"), seen("b"), seen("c"))
COMPILED = compile_seen(BEFORE)
SERVED = Delivery((DataPlane("one", acked=COMPILED.snapshot.hash),))


def published(*compiled: Compiled) -> Published:
    known = Published()
    for one in compiled:
        known.remember(one.snapshot.hash, one.contents)
    return known


def by_name(changes: tuple[StatusChange, ...]) -> dict[str, StatusChange]:
    return {change.seen.name: change for change in changes}


@pytest.fixture
def statuses() -> Statuses:
    """That judged all of them once."""
    made = Statuses()
    made.changes(BEFORE, COMPILED, SERVED, published(COMPILED), NOW)
    return made


def test_only_the_object_that_changed_is_judged_anew(statuses: Statuses) -> None:
    [first] = list(status_changes(BEFORE[:1], COMPILED, SERVED, published(COMPILED), NOW))
    now = (replace(BEFORE[0], status=first.status), *BEFORE[1:])

    again = by_name(statuses.changes(now, COMPILED, SERVED, published(COMPILED), LATER))

    assert set(again) == {"b", "c"}
    # Not judged at this later moment.
    assert NOW in str(again["b"].status)
    assert LATER not in str(again["b"].status)


def test_an_object_that_is_gone_is_told_no_more(statuses: Statuses) -> None:
    assert set(by_name(statuses.changes(BEFORE[1:], COMPILED, SERVED, published(COMPILED), LATER))) == {"b", "c"}
    assert set(by_name(statuses.changes(BEFORE[2:], COMPILED, SERVED, published(COMPILED), LATER))) == {"c"}


@pytest.mark.parametrize(
    "delivery", [Delivery(), Delivery((DataPlane("one"),)), Delivery(SERVED.data_planes, {}, False)]
)
def test_another_delivery_is_judged_for_all(statuses: Statuses, delivery: Delivery) -> None:
    again = statuses.changes(BEFORE, COMPILED, delivery, published(COMPILED), LATER)

    assert again == status_changes(BEFORE, COMPILED, delivery, published(COMPILED), LATER)


def test_another_compilation_is_judged_where_it_says_something_else(statuses: Statuses) -> None:
    edited = read({**policy("a", spec_=spec(limit="7")), "metadata": {**policy("a")["metadata"], "generation": 2}})
    assert edited is not None
    more = (edited, *BEFORE[1:], seen("d"))
    compiled = compile_seen(more)

    again = by_name(statuses.changes(more, compiled, SERVED, published(COMPILED, compiled), LATER))

    anew = by_name(status_changes(more, compiled, SERVED, published(COMPILED, compiled), LATER))
    kept = by_name(status_changes(more, compiled, SERVED, published(COMPILED, compiled), NOW))
    assert again == {"a": anew["a"], "b": kept["b"], "c": kept["c"], "d": anew["d"]}


def test_a_verdict_that_turned_is_judged_anew(statuses: Statuses) -> None:
    refused = replace(COMPILED.judgements[BEFORE[0].uid], refused="Conflicted", message="another goes before it")
    compiled = replace(COMPILED, judgements={**COMPILED.judgements, BEFORE[0].uid: refused})

    again = by_name(statuses.changes(BEFORE, compiled, SERVED, published(COMPILED), LATER))

    assert "another goes before it" in str(again["a"].status)
    assert "another goes before it" not in str(again["b"].status)
