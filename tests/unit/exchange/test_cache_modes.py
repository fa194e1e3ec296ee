"""Off keeps nothing; Observe serves nothing, says what it would have served, and keeps what Enforce would keep."""

from __future__ import annotations

from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.core.events import FindExact, Store

from tests.fakes.world import NOW, World, chat, policy

OBSERVES = policy(cache=CachePolicy(mode="Observe", semantic=FixedThreshold(900_000)))


def test_off() -> None:
    world = World.of(policy(cache=CachePolicy(mode="Off")))
    run = world.ask(chat())
    assert run.record.cache.outcome == "off"
    assert not run.has(FindExact)
    assert not world.entries


def test_observe_serves_nothing_and_says_what_it_would_have_served() -> None:
    world = World.of(OBSERVES)
    world.ask(chat())
    run = world.ask(chat())
    assert run.upstream is not None
    assert run.answer is None
    assert (run.record.decision, run.record.reason) == ("pass", "cache-would-hit")
    assert (run.record.cache.outcome, run.record.cache.tier) == ("would-hit", "exact")
    assert run.record.cache.entry == "x1"
    assert run.record.cost == 85, "what was not served was not saved"
    assert run.record.baseline == 85


def test_observe_says_would_hit_by_meaning() -> None:
    world = World.of(OBSERVES)
    world.ask(chat("How do I reset my password?"))
    run = world.ask(chat("What is the way to reset my password?"))
    assert run.upstream is not None
    assert (run.record.cache.outcome, run.record.cache.tier, run.record.cache.entry) == ("would-hit", "semantic", "x1")


def test_what_would_have_been_served_is_not_stored_again() -> None:
    """Else entries would live longer under Observe than under Enforce, and lose the vectors they are found by."""
    world = World.of(OBSERVES)
    world.ask(chat())
    (entry,) = world.entries.values()
    world.now = NOW + 80_000
    assert not world.ask(chat()).has(Store)
    assert list(world.entries.values()) == [entry]
    world.now = NOW + 90_000
    assert world.ask(chat()).record.cache.outcome == "miss"
