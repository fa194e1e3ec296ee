"""The same bytes in any chunking lead to the same effects."""

from __future__ import annotations

import json

from costward_contract.snapshot import (
    CachePolicy,
    Cap,
    FixedThreshold,
    MicroUSD,
    RoutingPolicy,
    RoutingRule,
    Tier,
    When,
)
from costward_extproc.core.events import Effect, FindNear, PassChunk, RequestBody, Store
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import NOW, World, chat, completion, policy, stream

_SIZES = st.lists(st.integers(0, 40), max_size=30)
_TEXT = st.text(max_size=60)
_CAPPED = Tier("default", caps=(Cap("default/Workload/Day", "Workload", "Day", MicroUSD(1_000_000)),))


def _world() -> World:
    return World.of(
        policy(
            tiers=(_CAPPED,),
            cache=CachePolicy(mode="Enforce", semantic=FixedThreshold(950_000)),
            routing=RoutingPolicy("Enforce", True, (RoutingRule(When(task_type="Classification"), "small"),)),
        )
    )


def _bodies() -> st.SearchStrategy[bytes]:
    readable = st.builds(
        lambda text, streamed, model: json.dumps(chat(text, stream=streamed, model=model)).encode(),
        _TEXT,
        st.booleans(),
        st.sampled_from(["gpt-5", "gpt-5-mini", "other"]),
    )
    return readable | st.binary(max_size=200)


@settings(max_examples=1_000, deadline=None)
@given(body=_bodies(), sizes=_SIZES, task=st.sampled_from(["", "Classification"]))
def test_request_chunks(body: bytes, sizes: list[int], task: str) -> None:
    whole, pieces = _world().begin(), _world().begin()
    headers = {"x-costward-task-type": task} if task else {}
    whole.request(body, headers)
    pieces.request(body, headers, sizes)
    assert _others(pieces.effects) == _others(whole.effects)


@settings(max_examples=1_000, deadline=None)
@given(
    text=_TEXT,
    sizes=_SIZES,
    asks_stream=st.booleans(),
    asks_usage=st.booleans(),
    cut_at=st.none() | st.integers(0, 2_000),
)
def test_response_chunks(text: str, sizes: list[int], asks_stream: bool, asks_usage: bool, cut_at: int | None) -> None:
    options = {"include_usage": True} if asks_usage else None
    document = chat("Hello there", stream=asks_stream, stream_options=options)
    answer = stream(text) if asks_stream else completion(text)
    answer = answer[:cut_at]
    runs = []
    for chunks in ((), sizes):
        run = _world().begin()
        run.request(json.dumps(document).encode(), {})
        run.response(answer, chunks=chunks, end=cut_at is None)
        runs.append(run)
    whole, pieces = runs
    # Only how the bytes were handed on may differ, not which.
    assert _others(pieces.effects) == _others(whole.effects)
    assert _kept(pieces.effects) == _kept(whole.effects)
    if cut_at is None:
        assert pieces.flowed == whole.flowed
    else:
        # What was held back of a stream that was cut is at most the one event that might be ours to take out.
        assert whole.flowed.startswith(pieces.flowed) or pieces.flowed.startswith(whole.flowed)


def _others(effects: list[Effect]) -> list[object]:
    """Comparable: a vector has no truth value of equality, so a search is told by where it looks."""
    return [
        (effect.op, effect.partition, effect.k) if isinstance(effect, FindNear) else effect
        for effect in effects
        if not isinstance(effect, PassChunk | Store)
    ]


def _kept(effects: list[Effect]) -> list[tuple[object, ...]]:
    entries = [effect.entry for effect in effects if isinstance(effect, Store)]
    return [(entry.partition, entry.key, entry.text, entry.answer, entry.cost, entry.rung) for entry in entries]


def test_the_last_chunk_decides() -> None:
    run = _world().begin()
    run.request(json.dumps(chat()).encode(), {}, [3, 5])
    assert run.upstream is not None
    before = len(run.effects)
    run.send(RequestBody(NOW, b"late", end=True))
    assert len(run.effects) == before + 1, "a message too many is answered, and changes nothing else"
