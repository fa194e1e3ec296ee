"""One scrape for several workers: sums that never go backwards, and gauges of those that live."""

from __future__ import annotations

import pytest
from costward_extproc.adapters.merged_metrics import MergedMetrics
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


def exposition(asked: int = 0, open_: int = 0, semantic: int = 1, seconds: tuple[float, ...] = ()) -> str:
    """As a worker with these figures tells them."""
    registry = CollectorRegistry()
    exchanges = Counter("costward_exchanges", "…", ["policy"], registry=registry)
    exchanges.labels('team/"bot"').inc(asked)
    Gauge("costward_exchanges_open", "…", registry=registry).set(open_)
    Gauge("costward_semantic_up", "…", registry=registry).set(semantic)
    took = Histogram("took_seconds", "…", registry=registry, buckets=(0.1, 1.0))
    for value in seconds:
        took.observe(value)
    return generate_latest(registry).decode()


@pytest.fixture
def merged() -> MergedMetrics:
    return MergedMetrics(lambda: None)


def value(merged: MergedMetrics, name: str, **labels: str) -> float | None:
    """As a scrape of the whole tells it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(merged)
    return registry.get_sample_value(name, labels)


def see(merged: MergedMetrics, pid: int, text: str) -> None:
    merged.arrived(pid)
    merged.saw(pid, text)


def test_counters_and_histograms_are_added_up(merged: MergedMetrics) -> None:
    see(merged, 1, exposition(asked=3, seconds=(0.05, 0.5)))
    see(merged, 2, exposition(asked=4, seconds=(0.07,)))
    assert value(merged, "costward_exchanges_total", policy='team/"bot"') == 7
    assert value(merged, "took_seconds_bucket", le="0.1") == 2
    assert value(merged, "took_seconds_count") == 3


def test_gauges_are_added_up_or_tell_the_worst(merged: MergedMetrics) -> None:
    see(merged, 1, exposition(open_=3, semantic=1))
    see(merged, 2, exposition(open_=4, semantic=0))
    assert value(merged, "costward_exchanges_open") == 7
    assert value(merged, "costward_semantic_up") == 0, "one worker has no embedder"


def test_what_a_dead_worker_counted_stays_and_what_it_held_does_not(merged: MergedMetrics) -> None:
    see(merged, 1, exposition(asked=3, open_=2, semantic=0))
    merged.departed(1, None)
    see(merged, 2, exposition(asked=1, open_=1))
    assert value(merged, "costward_exchanges_total", policy='team/"bot"') == 4
    assert value(merged, "costward_exchanges_open") == 1
    assert value(merged, "costward_semantic_up") == 1


def test_its_last_words_are_newer_than_what_was_seen(merged: MergedMetrics) -> None:
    see(merged, 1, exposition(asked=3))
    merged.departed(1, exposition(asked=5))
    merged.saw(1, exposition(asked=4))
    assert value(merged, "costward_exchanges_total", policy='team/"bot"') == 5


@given(st.lists(st.sampled_from(["count", "look", "kill", "end"]), max_size=25))
def test_the_sum_never_falls_whatever_dies_when(events: list[str]) -> None:
    merged, pid, counted, told = MergedMetrics(lambda: None), 1, 0, 0.0
    merged.arrived(pid)
    for event in events:
        if event == "count":
            counted += 1
            continue
        if event == "look":
            merged.saw(pid, exposition(asked=counted))
        else:
            merged.departed(pid, exposition(asked=counted) if event == "end" else None)
            pid, counted = pid + 1, 0
            merged.arrived(pid)
        now = value(merged, "costward_exchanges_total", policy='team/"bot"') or 0.0
        assert now >= told
        told = now
