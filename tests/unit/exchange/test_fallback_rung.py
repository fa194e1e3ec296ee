"""Which rung a second attempt takes, and which exchanges have none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from costward_contract.snapshot import Alias, LadderStep, Rung, UpstreamFailure
from costward_extproc.core.decide import Features, plan
from costward_extproc.core.events import GoUpstream
from costward_extproc.core.fallback import next_rung
from costward_extproc.core.tickets import Verdict

from tests.fakes.two_attempts import EASY, TwoAttempts, falling_back
from tests.fakes.world import World, chat, policy, tier

LADDER = (Rung("small", "s"), Rung("middle", "m"), Rung("large", "l"))


def rung_after(
    asked: str, rung: str, *, rewrite: bool = True, alias: tuple[str, ...] = ("small", "middle")
) -> str | None:
    rules = falling_back(models=LADDER, aliases=(Alias("auto", alias),))
    rules = replace(rules, routing=replace(rules.routing, rewrite_named_models=rewrite))
    first = plan(rules, asked, Features(None, False, 1), None, False)
    chosen = next(candidate for candidate in LADDER if candidate.name == rung)
    found = next_rung(rules, asked, replace(first, model=chosen.model, rung=chosen))
    return found.name if found else None


@pytest.mark.parametrize(
    ("asked", "rung", "then"),
    [
        ("auto", "small", "middle"),
        # The alias ends there: down again, not beyond what it may use.
        ("auto", "middle", "small"),
        ("m", "small", "middle"),
        ("m", "middle", "small"),
        ("l", "middle", "large"),
        ("l", "large", "middle"),
        # Never dearer than what was named.
        ("s", "small", None),
        ("elsewhere", "small", None),
    ],
)
def test_up_if_it_may_else_down(asked: str, rung: str, then: str | None) -> None:
    assert rung_after(asked, rung) == then


def test_a_named_model_stays_unless_the_owner_says_otherwise() -> None:
    assert rung_after("l", "large", rewrite=False) is None
    assert rung_after("auto", "small", rewrite=False) == "middle"


@pytest.mark.parametrize(
    ("after", "wishes"),
    [
        (("ServerError",), {"x-envoy-retry-on": "retriable-status-codes,5xx"}),
        (
            ("RateLimited",),
            {"x-envoy-retry-on": "retriable-status-codes", "x-envoy-retriable-status-codes": "400,429"},
        ),
        (
            ("Timeout",),
            {
                "x-envoy-retry-on": "retriable-status-codes,reset",
                "x-envoy-retriable-status-codes": "400,408,504",
                "x-envoy-upstream-rq-per-try-timeout-ms": "300000",
            },
        ),
    ],
)
def test_envoy_is_asked_for_what_the_policy_declares(
    after: tuple[UpstreamFailure, ...], wishes: dict[str, str]
) -> None:
    # The rule changes the named model, so a 400 counts as well.
    found = TwoAttempts.of(World.of(falling_back(*after)), chat()).asked
    assert found == {"x-envoy-retriable-status-codes": "400"} | wishes


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"routing": policy().routing}, {}),
        ({}, {"x-costward-route": "off"}),
        ({"tiers": (tier(100, LadderStep(1, "UseModel", rung="small")),)}, {}),
    ],
    ids=["not declared", "route off", "near the cap"],
)
def test_there_is_none_where_it_may_not_be(changes: dict[str, Any], headers: dict[str, str]) -> None:
    world = World.of(falling_back(**changes), already_spent=50)
    wishes = TwoAttempts.of(world, chat(max_tokens=1), headers).asked
    assert wishes.get("x-envoy-retriable-status-codes") in (None, "400")
    assert "5xx" not in wishes.get("x-envoy-retry-on", "")


def test_an_untouched_request_without_a_fallback_asks_for_nothing() -> None:
    attempts = TwoAttempts.of(World.of(policy(tiers=(tier(),))), chat(), {})
    assert (attempts.asked, attempts.ticket) == ({}, "")


def test_an_easy_task_goes_up() -> None:
    attempts = TwoAttempts.of(World.of(falling_back()), chat(model="auto"), EASY)
    assert b'"gpt-5-mini"' in attempts.sent
    reply = attempts.fail(503)
    assert reply.body == attempts.sent.replace(b'"gpt-5-mini"', b'"gpt-5"')


@pytest.mark.parametrize("change", [b" ", b""], ids=["longer", "shorter"])
def test_another_body_than_the_first_attempts_goes_as_it_is(change: bytes) -> None:
    """Splices are places in one body: in another they would cut it anywhere."""
    attempts = TwoAttempts.of(World.of(falling_back()), chat(model="auto"), EASY)
    other = attempts.sent + change if change else attempts.sent.replace(b" ", b"", 1)
    assert len(other) != len(attempts.sent)
    reply = attempts.fail(503, sent=other)
    assert isinstance(reply, GoUpstream)
    assert reply.body is None
    assert Verdict.of(reply.verdict) == Verdict("same", 503)
