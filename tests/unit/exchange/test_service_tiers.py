"""A faster service costs more: reserved as it is asked for, charged as it was served, never less than the truth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from costward_contract.snapshot import PriceOverride, Rung
from costward_extproc.core.events import Reserve
from costward_extproc.core.money import Quote, Rates

from tests.fakes.world import World, chat, completion, means, policy, quote, stream, tier

LISTED = Rates(2_500_000, 20_000_000, 250_000, 2_500_000)


def _quote(model: str) -> Quote:
    """gpt-5 has a listed rate for priority and for flex, others have none."""
    own = (("priority", LISTED), ("flex", Rates(625_000, 5_000_000, 62_500, 625_000)))
    return replace(quote(model), served=own) if model.startswith("gpt-5") and "mini" not in model else quote(model)


def _world() -> World:
    return World.of(policy(tiers=(tier(10**9),)), means=means(quote=_quote))


def _answer(served: str | None) -> bytes:
    document = json.loads(completion())
    return json.dumps(document if served is None else {**document, "service_tier": served}).encode()


@pytest.mark.parametrize(
    ("asked", "served", "cost"),
    [
        (None, None, 85),
        (None, "default", 85),
        ("auto", None, 85),
        ("auto", "auto", 85),
        ("auto", "priority", 170),
        ("priority", "priority", 170),
        ("priority", "default", 85),
        ("priority", None, 170),
        ("flex", "flex", 43),
        ("flex", "default", 85),
        ("fast", "fast", 213),
        ("unheard-of", None, 510),
    ],
)
def test_it_is_charged_as_it_was_served(asked: str | None, served: str | None, cost: int) -> None:
    run = _world().ask(chat(service_tier=asked), answer=_answer(served))
    assert run.record.cost == cost
    unlisted = asked in ("fast", "unheard-of")
    assert ("tier-price-unknown" in run.record.warnings) is unlisted


def test_a_tier_without_a_listed_rate_is_priced_above_any_known_one() -> None:
    run = _world().ask(chat(model="gpt-5-mini", service_tier="priority"), answer=_answer("priority"))
    assert run.record.cost == 43
    assert run.record.warnings == ("tier-price-unknown",)


def test_a_cheaper_one_without_a_listed_rate_costs_as_usual() -> None:
    run = _world().ask(chat(model="gpt-5-mini", service_tier="flex"), answer=_answer("flex"))
    assert (run.record.cost, run.record.warnings) == (17, ())


@pytest.mark.parametrize(("asked", "amount"), [("auto", 10_017), ("priority", 20_033), ("default", 10_017)])
def test_the_worst_case_is_that_of_the_tier_asked_for(asked: str, amount: int) -> None:
    run = _world().ask(chat(max_tokens=1_000, service_tier=asked))
    assert run.only(Reserve).reservation.amount == amount


def test_a_stream_tells_it_in_its_chunks() -> None:
    told = stream().replace(b'"object"', b'"service_tier": "priority", "object"')
    run = _world().begin()
    run.request(json.dumps(chat(stream=True)).encode(), {})
    run.response(told)
    assert run.record.cost == 170


def test_an_owners_price_holds_for_what_the_owner_agreed_with_the_provider() -> None:
    """And not for what a caller asks for on its own."""
    own = Rung("large", "gpt-5", PriceOverride(1_250_000, 10_000_000))
    world = World.of(policy(models=(own,)), means=means(quote=_quote))
    assert world.ask(chat("a"), answer=_answer("priority")).record.cost == 85
    assert world.ask(chat("b", service_tier="priority"), answer=_answer("priority")).record.cost == 213


def _message(**usage: object) -> bytes:
    return json.dumps(
        {
            "type": "message",
            "model": "gpt-5",
            "content": [{"type": "text", "text": "Hi"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 12, "output_tokens": 7, **usage},
        }
    ).encode()


@pytest.mark.parametrize(
    ("members", "usage", "cost"),
    [
        ({}, {"service_tier": "standard", "speed": "standard"}, 85),
        ({"speed": "fast"}, {"service_tier": "standard", "speed": "fast"}, 510),
        ({"speed": "fast"}, {}, 510),
        ({"service_tier": "auto"}, {"service_tier": "priority"}, 170),
    ],
)
def test_anthropic_tells_tier_and_speed_in_its_usage(
    members: dict[str, object], usage: dict[str, object], cost: int
) -> None:
    run = _world().begin()
    run.request(json.dumps({**chat(max_tokens=9), **members}).encode(), {":path": "/v1/messages"})
    run.response(_message(**usage))
    assert run.record.cost == cost


def test_responses_tell_it_beside_their_usage() -> None:
    document = {"model": "gpt-5", "status": "completed", "service_tier": "priority", "output": []}
    answer = json.dumps({**document, "usage": {"input_tokens": 12, "output_tokens": 7}}).encode()
    run = _world().begin()
    run.request(
        json.dumps({"model": "gpt-5", "input": "Hi", "service_tier": "auto"}).encode(), {":path": "/v1/responses"}
    )
    run.response(answer)
    assert run.record.cost == 170
