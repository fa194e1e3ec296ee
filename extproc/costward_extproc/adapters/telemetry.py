"""Metrics of every exchange, through OpenTelemetry to a Prometheus scrape.

Tokens and durations follow the OpenTelemetry GenAI conventions; money, cache, routing and caps have the namespace
`costward`. Labels are names from policies and closed sets of codes: never a caller's text, so their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from costward_extproc.core.record import Record

_DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds. From a cache hit to a long agent answer; 0.2 is our own deadline, so that P3 can be read off."""


class Telemetry:
    """Implements `ports.Records`: one call per exchange. Also counts what is not an exchange."""

    def __init__(self) -> None:
        reader = PrometheusMetricReader()
        view = View(instrument_name="*.duration", aggregation=ExplicitBucketHistogramAggregation(_DURATION_BUCKETS))
        self._provider = MeterProvider(metric_readers=[reader], views=[view])
        meter = self._provider.get_meter("costward")
        self._meter = meter
        self._exchanges = meter.create_counter("costward.exchanges", description="Exchanges by decision and end")
        self._spent = meter.create_counter("costward.spent", "{microUSD}", "What callers' caps were charged")
        self._saved = meter.create_counter("costward.saved", "{microUSD}", "What callers would have paid besides")
        self._cache = meter.create_counter("costward.cache.lookups", description="Cache outcomes by tier")
        self._warnings = meter.create_counter("costward.degradations", description="Whatever was not as it should be")
        self._tokens = meter.create_counter("gen_ai.client.inference.usage.tokens", "{token}", "Tokens by kind")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", "s", "Whole exchanges")
        self._decided = meter.create_histogram("costward.decision.duration", "s", "Request headers to decision")

    def write(self, record: Record) -> None:
        policy = record.policy or "none"
        rung = record.rung or "none"
        self._exchanges.add(1, {"policy": policy, "decision": record.decision, "end": record.end, "rung": rung})
        if record.cost:
            self._spent.add(record.cost, {"policy": policy, "rung": rung})
        if record.baseline > record.cost:
            self._saved.add(record.baseline - record.cost, {"policy": policy, "decision": record.decision})
        tier = record.cache.tier or "none"
        self._cache.add(1, {"policy": policy, "outcome": record.cache.outcome, "tier": tier})
        for code in record.warnings:
            self._warnings.add(1, {"code": code})
        self._count_tokens(record, policy)
        labels = {"gen_ai.operation.name": "chat", "policy": policy, "decision": record.decision}
        if record.timings.ended is not None:
            self._duration.record(record.timings.ended / 1000, labels)
        if record.timings.decided is not None:
            self._decided.record(record.timings.decided / 1000, {"policy": policy, "decision": record.decision})

    def _count_tokens(self, record: Record, policy: str) -> None:
        usage = record.usage
        for kind, tokens in (("input", usage.input), ("output", usage.output), ("cache_read", usage.cached_input)):
            if tokens:
                self._tokens.add(tokens, {"policy": policy, "kind": kind, "estimated": usage.estimated})

    def degraded(self, code: str) -> None:
        """Something outside an exchange was not as it should be."""
        self._warnings.add(1, {"code": code})

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A gauge that is read at every scrape."""

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            yield Observation(read())

        self._meter.create_observable_gauge(name, [observe], description=description)

    def close(self) -> None:
        self._provider.shutdown()
