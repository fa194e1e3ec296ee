"""A body that nobody can read is no way around a step of the ladder that puts another model in."""

from __future__ import annotations

import json

import pytest
from costward_contract.snapshot import LadderStep
from costward_extproc.core.events import RequestBody, RequestHeaders, Reserve

from tests.fakes.world import NOW, World, chat, policy, tier

CHEAPER = LadderStep(800_000, "UseModel", "small")
GOOD = json.dumps(chat()).encode()
PLAIN = {"content-type": "text/plain"}


def _world(spent: int = 80_000, *ladder: LadderStep) -> World:
    return World.of(policy(tiers=(tier(100_000, *(ladder or (CHEAPER,))),)), already_spent=spent)


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [(GOOD, PLAIN, "content-type"), (GOOD[:-1], {}, "malformed"), (b'{"a":1,"a":1}', {}, "duplicate-key")],
)
def test_it_is_refused_in_the_dialects_words(body: bytes, headers: dict[str, str], why: str) -> None:
    run = _world().ask(body, headers)
    assert run.upstream is None
    assert not run.has(Reserve)
    assert (run.record.decision, run.record.reason, run.record.cost) == ("refuse", "cap-unreadable", 0)
    assert run.answer is not None
    error = json.loads(run.answer.body)["error"]
    assert (run.answer.status, error["code"], error["details"]["unreadable"]) == (429, "budget_unreadable", why)
    assert "small" in error["message"]
    assert run.headers["x-should-retry"] == "false"


def test_anthropics_callers_hear_it_in_theirs() -> None:
    run = _world().ask(b"?", {":path": "/v1/messages"})
    assert run.answer is not None
    assert json.loads(run.answer.body)["type"] == "error"


def test_so_is_one_that_is_too_large_to_be_read() -> None:
    run = _world().begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-length": "40000000"}
    run.send(RequestHeaders(NOW, headers, end=False))
    assert run.answer is not None
    assert run.answer.status == 429


def test_what_can_be_read_gets_the_other_model() -> None:
    assert _world().ask(GOOD).record.decision == "degrade"


@pytest.mark.parametrize("ladder", [(LadderStep(800_000, "Warn"),), (LadderStep(900_000, "UseModel", "small"),)])
def test_below_that_step_it_passes(ladder: tuple[LadderStep, ...]) -> None:
    assert _world(80_000, *ladder).ask(GOOD, PLAIN).record.decision == "pass"


def test_an_empty_one_passes_since_no_provider_answers_it() -> None:
    assert _world().ask(b"").record.reason == "unreadable-empty-body"


def test_one_that_there_was_no_time_to_read_passes() -> None:
    run = _world().begin()
    run.send(RequestHeaders(NOW, {":method": "POST", ":path": "/v1/chat/completions"}, end=False))
    run.send(RequestBody(NOW, GOOD, end=True, is_unread=True))
    assert run.upstream is not None
