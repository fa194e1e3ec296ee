"""What the operator counts. A registry of its own, so that two operators fit into one test."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30)
"""From one policy to tens of thousands."""


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._compile = Histogram(
            "costward_operator_compile_seconds", "Time of one compile", registry=self.registry, buckets=_SECONDS
        )
        self._published = Counter("costward_operator_publishes", "Snapshots published", registry=self.registry)
        self._writes = Counter("costward_operator_status_writes", "Status writes", ["result"], registry=self.registry)
        self._drift = Counter(
            "costward_operator_drift", "Changes that only a full list told, and not the watch", registry=self.registry
        )
        self._events_lost = Counter("costward_operator_events_lost", "Events not told", registry=self.registry)
        self._failures = Counter("costward_operator_failures", "What went wrong", ["part"], registry=self.registry)

    def compiled(self, seconds: float) -> None:
        self._compile.observe(seconds)

    def published(self) -> None:
        self._published.inc()

    def wrote(self, result: str) -> None:
        self._writes.labels(result).inc()

    def drifted(self, objects: int) -> None:
        self._drift.inc(objects)

    def event_lost(self) -> None:
        self._events_lost.inc()

    def failed(self, part: str) -> None:
        self._failures.labels(part).inc()

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """A gauge, asked at each scrape."""
        Gauge(f"costward_operator_{name}", words, registry=self.registry).set_function(value)
