"""By meaning only above the threshold, past the guards, for whole short texts, and never for agents."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.core.events import Embed, FindNear

from tests.fakes.world import World, chat, completion, means, policy

ASKED = "What is the way to reset my password?"
KNOWN = "How do I reset my password?"
SEMANTIC = policy(cache=CachePolicy(mode="Enforce", semantic=FixedThreshold(900_000)))


def _world(score: float, **changes: Any) -> World:
    """The question that is asked lies at `score` from the one that is known."""
    vectors = {KNOWN: (1.0,), ASKED: (score, (1 - score**2) ** 0.5)}
    return World.of(SEMANTIC, vectors=vectors, **changes)


def test_a_near_question_is_served() -> None:
    world = _world(0.96)
    world.ask(chat(KNOWN))
    run = world.ask(chat(ASKED))
    assert run.upstream is None
    assert (run.record.decision, run.record.reason) == ("hit-semantic", "cache-semantic")
    assert run.headers["cache-status"].endswith("detail=semantic")
    note = run.record.cache
    assert (note.outcome, note.tier, note.entry, note.threshold) == ("hit", "semantic", "x1", 0.9)
    assert note.score == pytest.approx(0.96)
    assert run.record.inputs.neighbour_scores == (0.96,)


@pytest.mark.parametrize(("score", "hit"), [(0.9001, True), (0.8999, False)])
def test_the_threshold(score: float, hit: bool) -> None:
    world = _world(score)
    world.ask(chat(KNOWN))
    run = world.ask(chat(ASKED))
    assert (run.answer is not None) == hit
    assert run.record.inputs.neighbour_scores == (round(score, 4),)


def test_a_veto_is_recorded() -> None:
    world = World.of(SEMANTIC)
    world.ask(chat("How do I turn on dark mode?"))
    run = world.ask(chat("How do I turn off dark mode?"))
    assert run.upstream is not None
    note = run.record.cache
    assert (note.outcome, note.reason, note.tier, note.entry, note.threshold) == (
        "vetoed",
        "polarity",
        "semantic",
        "x1",
        0.9,
    )
    assert run.record.reason == "cache-vetoed-polarity"


def test_the_next_neighbour_serves_where_the_first_is_vetoed() -> None:
    asked = "What is the way to turn off dark mode?"
    vectors = {
        "How do I turn on dark mode?": (1.0,),
        "How do I turn off dark mode?": (0.95, (1 - 0.95**2) ** 0.5),
        asked: (1.0,),
    }
    world = World.of(SEMANTIC, vectors=vectors)
    world.ask(chat("How do I turn on dark mode?"), answer=completion("On."))
    world.ask(chat("How do I turn off dark mode?"), answer=completion("Off."))
    run = world.ask(chat(asked))
    assert run.answer is not None
    assert b"Off." in run.answer.body
    assert run.record.cache.outcome == "hit"


def test_other_system_prompts_have_other_neighbours() -> None:
    world = World.of(SEMANTIC)
    world.ask(chat(KNOWN))
    system = {"role": "system", "content": "Answer in French."}
    run = world.ask(chat(messages=[system, {"role": "user", "content": ASKED}]))
    assert run.upstream is not None
    assert run.record.inputs.neighbour_scores == ()


def test_a_text_that_the_model_cannot_read_whole_is_left_to_the_exact_tier() -> None:
    world = World.of(SEMANTIC)
    long = "word " * 200 + "end"
    run = world.ask(chat(long))
    assert not run.has(FindNear)
    assert (run.record.cache.outcome, run.record.cache.reason) == ("miss", "long-text")
    (entry,) = world.entries.values()
    assert entry.vector is None
    assert world.ask(chat(long)).record.decision == "hit-exact"


@pytest.mark.parametrize("broken", ["embed", "near", "exact"])
def test_a_failure_is_a_miss_that_is_told(broken: str) -> None:
    world = _world(0.96)
    world.ask(chat(KNOWN))
    world.fail = frozenset({broken})
    run = world.ask(chat(ASKED))
    assert run.upstream is not None
    assert (run.record.cache.outcome, run.record.cache.reason) == ("unavailable", "down")
    assert run.record.warnings == ("cache-unavailable",)


def test_agent_turns_are_not_embedded() -> None:
    world = World.of(SEMANTIC)
    run = world.ask(chat(tools=[{"type": "function", "function": {"name": "lookup"}}]))
    assert not run.has(Embed)
    assert len(world.entries) == 1


def test_without_an_embedder_there_is_no_search() -> None:
    world = World.of(SEMANTIC, means=means(embedder_id=None))
    run = world.ask(chat())
    assert not run.has(Embed)
    assert run.record.cache.outcome == "miss"


def test_vectors_of_two_embedders_never_meet() -> None:
    world = _world(0.96)
    world.ask(chat(KNOWN))
    world.means = means(embedder_id="another")
    assert world.ask(chat(ASKED)).upstream is not None


def test_no_cache_is_embedded_for_those_who_come_after() -> None:
    world = _world(0.96)
    run = world.ask(chat(KNOWN), {"cache-control": "no-cache"})
    assert not run.has(FindNear)
    assert world.ask(chat(ASKED)).record.decision == "hit-semantic"


def test_a_stale_neighbour_does_not_serve() -> None:
    world = _world(0.96)
    world.ask(chat(KNOWN))
    world.now += 61
    assert world.ask(chat(ASKED), {"cache-control": "max-age=60"}).upstream is not None
