"""What is reserved before the call is the most that it may cost, and never more than a ledger can hold."""

from __future__ import annotations

from typing import Any

import pytest
from costward_extproc.core.events import Reserve
from costward_extproc.core.ledger import Reservation

from tests.fakes.world import NOW, World, chat, policy, tier


def _reserved(typical: int | None = None, **members: Any) -> Reservation:
    world = World.of(policy(tiers=(tier(10**15),)), typical_output=typical)
    reservation: Reservation = world.ask(chat(**members)).only(Reserve).reservation
    return reservation


def _output(reservation: Reservation) -> int:
    """Tokens of output in it, at gpt-5's $10 a million."""
    return (reservation.amount - reservation.seen) // 10


@pytest.mark.parametrize(
    ("members", "typical", "tokens"),
    [
        ({"max_completion_tokens": 50}, 400, 50),
        ({"max_tokens": 60}, 400, 60),
        ({"max_completion_tokens": 50, "max_tokens": 60}, None, 50),
        ({"max_tokens": 60, "n": 3}, None, 180),
        ({}, None, 1_024),
        ({}, 400, 400),
        ({"n": 2}, 400, 800),
        ({"max_tokens": 0}, 400, 400),
        ({"max_tokens": -5}, 400, 400),
        ({"max_tokens": True}, 400, 400),
        ({"max_tokens": "60"}, 400, 400),
    ],
)
def test_the_most_that_may_come(members: dict[str, Any], typical: int | None, tokens: int) -> None:
    assert _output(_reserved(typical, **members)) == tokens


def test_a_number_beyond_all_models_stays_a_sum_of_money() -> None:
    """A sum that the ledger's 64 bits cannot hold would fail there, and a tier that fails open would let it go."""
    reservation = _reserved(max_tokens=10**30, n=10**30)
    assert 10**9 < reservation.amount < 2**63


def test_the_input_is_what_it_costs_at_least() -> None:
    short, long = _reserved(), _reserved(messages=[{"role": "user", "content": "word " * 1_000}])
    assert 0 < short.seen < long.seen < long.amount
    assert short.lease_until == NOW + 60


def test_images_and_tools_are_input() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/1.png"}}
    words = {"type": "text", "text": "And now?"}
    plain = _reserved(messages=[{"role": "user", "content": [words]}])
    assert _reserved(messages=[{"role": "user", "content": [words, picture]}]).seen > plain.seen
    tool = {"type": "function", "function": {"name": "f", "description": "many words in here " * 20}}
    assert _reserved(messages=[{"role": "user", "content": [words]}], tools=[tool]).seen > plain.seen
