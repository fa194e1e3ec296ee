"""What an exchange does without when there is no time, in which order, and that its record says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.core import exchange
from costward_extproc.core.events import Answer, Closed, Embed, FindExact, GoUpstream, LetGo, ReadOn, Reserve, Stand
from costward_extproc.core.relief import Relief

from tests.fakes.world import Run, World, chat, policy, tier


def run(relief: Relief, **changes: Any) -> Run:
    """A request that nothing is known of, under a policy with a cap and both tiers of the cache."""
    given = policy(
        tiers=(tier(1_000_000),), cache=CachePolicy(mode="Enforce", semantic=FixedThreshold(950_000)), **changes
    )
    world = World.of(given)
    state = exchange.begin("x1", world.snapshot, world.workload, world.means, relief)
    begun = Run(world, state)
    begun.request(json.dumps(chat()).encode(), {})
    return begun


@pytest.mark.parametrize(
    ("relief", "asked"),
    [
        (Relief.NONE, {Stand, FindExact, Embed, Reserve}),
        (Relief.MEANING, {Stand, FindExact, Reserve}),
        (Relief.LOOKUP, {Stand, Reserve}),
    ],
)
def test_the_cache_goes_first_and_caps_stay(relief: Relief, asked: set[type[Any]]) -> None:
    done = run(relief)
    assert {kind for kind in (Stand, FindExact, Embed, Reserve) if done.has(kind)} == asked
    assert done.has(GoUpstream)
    done.response(b"{}")
    assert ("overloaded" in done.record.warnings) == (relief is not Relief.NONE)
    assert (done.record.cache.reason == "overloaded") == (relief is not Relief.NONE)


def test_then_it_passes_where_the_policy_fails_open() -> None:
    done = run(Relief.CAPS)
    assert done.has(LetGo)
    assert not done.has(ReadOn)
    assert not any(done.has(kind) for kind in (Stand, FindExact, Embed, Reserve))
    assert (done.record.decision, done.record.reason, done.record.warnings) == ("pass", "overloaded", ("overloaded",))
    assert (done.record.cost, done.record.reserved) == (0, 0)


def test_and_is_refused_where_it_fails_closed() -> None:
    done = run(Relief.CAPS, failure_policy="Closed")
    answer = done.only(Answer)
    assert answer.status == 503
    assert dict(answer.headers)["retry-after"] == "1"
    assert json.loads(answer.body)["error"]["code"] == "overloaded"
    done.send(Closed(done.world.now))
    assert (done.record.decision, done.record.status, done.record.warnings) == ("refuse", 503, ("overloaded",))
