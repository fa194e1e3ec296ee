"""What a replay adds up to: hits by tier, wrong hits by what the answers say, money by the records."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from costward_cli.replay.asking import Outcome
from costward_cli.replay.log import Logged
from costward_cli.replay.tally import Summary, summarise
from costward_extproc.core.record import CacheNote, Record

from tests.fakes.records import ROUTED


def outcome(
    decision: str | None,
    label: str | None = "a",
    answer: str | None = "a",
    status: int | None = 200,
    error: str | None = None,
    request_id: str | None = None,
) -> Outcome:
    logged = Logged(1, b"{}", "", {}, label)
    return Outcome(logged, 0.01, status, error, decision, "reason", request_id, answer)


def tally(*outcomes: Outcome, records: tuple[Record, ...] = ()) -> Summary:
    return summarise(outcomes, {record.id: record for record in records}, seconds=1, bad_lines=0)


def test_hits_are_counted_by_tier() -> None:
    found = tally(outcome("hit-exact"), outcome("hit-semantic"), outcome("hit-semantic"), outcome("pass")).hits

    assert (found.all.count, found.exact.count, found.semantic.count, found.all.of) == (3, 1, 2, 4)


def test_a_hit_is_wrong_where_its_answer_is_of_another_class() -> None:
    wrong = tally(outcome("hit-exact"), outcome("hit-semantic", answer="b"), outcome("pass"), outcome("pass")).wrong

    assert wrong is not None
    assert (wrong.per_request.count, wrong.per_request.of, wrong.per_hit.of) == (1, 4, 2)
    assert wrong.by_tier == {"semantic": 1}


def test_a_miss_with_another_answer_is_the_providers_doing() -> None:
    wrong = tally(outcome("pass", answer="b")).wrong

    assert wrong is not None
    assert wrong.per_request.count == 0


def test_without_labels_nobody_can_judge() -> None:
    assert tally(outcome("hit-exact", label=None)).wrong is None


def test_a_hit_that_tells_no_class_is_judged_by_the_request_that_it_was_made_for() -> None:
    made = outcome("pass", label="b", answer=None, request_id="e1")
    hit = outcome("hit-semantic", label="a", answer=None, request_id="h1")
    record = replace(ROUTED, id="h1", cache=CacheNote("hit", tier="semantic", entry="e1"))

    wrong = tally(made, hit, records=(record,)).wrong

    assert wrong is not None
    assert (wrong.per_request.count, wrong.not_judged) == (1, 0)


def test_a_hit_that_nobody_can_judge_is_said_to_be_one() -> None:
    wrong = tally(outcome("hit-exact", answer=None), outcome("hit-exact")).wrong

    assert wrong is not None
    assert (wrong.not_judged, wrong.per_hit.of, wrong.per_request.count) == (1, 1, 0)


def test_observed_hits_are_judged_too() -> None:
    asked = [outcome("pass", label=label, request_id=label) for label in ("a", "b")]
    note = CacheNote("would-hit", tier="semantic", entry="a")

    found = tally(*asked, records=(replace(ROUTED, id="b", cache=note),))

    assert found.hits.all.count == 0
    assert found.would_hit is not None
    assert found.would_be_wrong is not None
    assert (found.would_hit.semantic.count, found.would_be_wrong.per_request.count) == (1, 1)


def test_money_is_that_of_the_records() -> None:
    found = tally(outcome("route"), outcome("route"), records=(ROUTED, replace(ROUTED, id="x", cost=0, baseline=10)))

    assert found.money is not None
    assert (found.money.cost, found.money.saved, found.money.records) == (104, 264, 2)
    assert tally(outcome("route")).money is None


def test_refusals_errors_and_what_passed_by_are_told_apart() -> None:
    found = tally(
        outcome("refuse", status=429),
        outcome("pass", status=503),
        outcome(None, status=None, error="ConnectError"),
        outcome(None),
    )

    assert (found.refused, found.unseen) == (1, 1)
    assert found.errors == {"503": 1, "ConnectError": 1}


def test_hits_and_misses_have_their_own_times() -> None:
    found = tally(outcome("hit-exact"), replace(outcome("pass"), seconds=0.5), outcome("refuse", status=429))

    assert found.latency["hit"] is not None
    assert found.latency["miss"] is not None
    assert (found.latency["hit"].p50, found.latency["miss"].p50, found.latency["miss"].count) == (10.0, 500.0, 1)


def test_a_summary_is_json() -> None:
    found = tally(outcome("hit-exact"), outcome("pass", status=503), records=(ROUTED,))

    assert json.loads(json.dumps(asdict(found)))["hits"]["exact"]["count"] == 1
