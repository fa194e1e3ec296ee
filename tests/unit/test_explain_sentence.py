"""A record in one sentence: what became of the request, why, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from costward_cli.explaining.reasons import GUARDS
from costward_cli.explaining.sentence import sentence
from costward_extproc.cache import guards
from costward_extproc.core.money import Usage
from costward_extproc.core.record import Attempt, CacheNote, CapNote, DecisionKind, RouteNote

from tests.fakes.records import ROUTED

PASSED = replace(
    ROUTED,
    asked_model="gpt-5-mini",
    decision="pass",
    reason="cache-miss",
    route=RouteNote(None, None, False),
    baseline=104,
)
SPENT = CapNote("free/User/Day", 500_000, 500_000, 0, 1_800_057_600, "Message")
ROOMY = CapNote("free/User/Month", 5_000_000, 600_000, 0, 1_801_000_000, "Message")


def test_a_rule_that_chose_a_cheaper_rung() -> None:
    assert sentence(ROUTED) == (
        "The request for gpt-5 was answered by gpt-5-mini because rule[0] chose rung small; "
        "it cost $0.000104 and saved $0.000254."
    )


def test_a_plain_miss_saves_nothing() -> None:
    assert sentence(PASSED) == (
        "The request for gpt-5-mini was answered by gpt-5-mini because the cache has no answer that fits; "
        "it cost $0.000104."
    )


def test_a_hit_by_meaning_tells_how_near_it_was() -> None:
    cache = CacheNote("hit", tier="semantic", entry="e", score=0.96321, threshold=0.95)
    hit = replace(PASSED, decision="hit-semantic", reason="cache-semantic", cache=cache, cost=0, attempts=())

    assert sentence(hit) == (
        "The request for gpt-5-mini was answered from the cache: gpt-5-mini had answered a question of the same "
        "meaning before (similarity 0.963, at least 0.95 is asked for), and no guard objected; "
        "it cost nothing and saved $0.000104."
    )


def test_a_hit_by_words() -> None:
    hit = replace(PASSED, decision="hit-exact", reason="cache-exact", cost=0, attempts=())

    assert "gpt-5-mini had answered the same words before; it cost nothing and saved $0.000104." in sentence(hit)


def test_a_veto_names_the_guard_in_words() -> None:
    cache = CacheNote("vetoed", "polarity", "semantic", score=0.981)

    told = sentence(replace(PASSED, reason="cache-vetoed-polarity", cache=cache))

    assert "(similarity 0.981) is another one: they ask for opposites;" in told


def test_a_refusal_names_the_fullest_cap() -> None:
    refused = replace(
        PASSED, decision="refuse", reason="cap-spent", caps=(ROOMY, SPENT), status=429, attempts=(), cost=0, baseline=0
    )

    assert sentence(refused) == (
        "The request for gpt-5-mini was refused with status 429 because cap free/User/Day is used up until "
        "2027-01-16T00:00:00Z: $0.500000 of $0.500000 (100%); it cost nothing."
    )


def test_a_degrade_names_cap_and_step() -> None:
    degraded = replace(ROUTED, decision="degrade", reason="cap-use-model", caps=(SPENT,))

    assert "because cap free/User/Day has reached the ladder's step UseModel: $0.500000 of" in sentence(degraded)


def test_an_observed_hit_says_what_enforce_would_do() -> None:
    cache = CacheNote("would-hit", tier="exact", entry="e")

    told = sentence(replace(PASSED, reason="cache-would-hit", cache=cache))

    assert "with `cache.mode: Enforce` an answer to the same words would have been served" in told


def test_a_caller_that_left_pays_by_estimate() -> None:
    left = replace(PASSED, end="aborted", usage=Usage(input=20, output=3, estimated=True))

    told = sentence(left)

    assert "was answered by gpt-5-mini until the caller left" in told
    assert told.endswith("it cost $0.000104 by estimate.")


@pytest.mark.parametrize(("status", "said"), [(503, "answered with status 503"), (None, "before an answer began")])
def test_a_provider_that_failed(status: int | None, said: str) -> None:
    failed = replace(PASSED, status=status, served_model=None, attempts=(Attempt("gpt-5-mini", status),), end="error")

    assert f"was sent to gpt-5-mini, {'which ' if status else 'and the caller left '}{said}" in sentence(failed)


def test_an_unread_request_has_no_known_cost() -> None:
    unread = replace(
        PASSED, asked_model=None, served_model=None, reason="unreadable-body-too-large", attempts=(), status=None
    )

    assert sentence(unread) == (
        "A request for an unknown model was let through unread because its body is larger than what is read; "
        "nothing is known of its cost."
    )


def test_a_rewrite_that_costs_more_is_not_called_a_saving() -> None:
    assert "$0.000004 more than without Costward" in sentence(replace(ROUTED, baseline=100))


@pytest.mark.parametrize("decision", get_args(DecisionKind))
@pytest.mark.parametrize("reason", ["cap-reserved", "cap-warn", "ledger-unavailable", "alias", "something-new"])
def test_every_decision_and_reason_is_told(decision: DecisionKind, reason: str) -> None:
    told = sentence(replace(PASSED, decision=decision, reason=reason))

    assert told.endswith(".")
    assert "None" not in told


def test_every_guard_has_words() -> None:
    known = {reason for reason, _ in guards._RULES}

    assert known - set(GUARDS) == set()
