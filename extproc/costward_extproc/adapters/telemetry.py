"""Metrics of every exchange, through OpenTelemetry to a Prometheus scrape.

Tokens and durations follow the OpenTelemetry GenAI conventions; money, cache, routing and caps have the namespace
`costward`. Labels are names from policies and closed sets of codes: never a caller's text, so their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from costward_extproc.core.record import UNPRICED, Record

_DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds. From a cache hit to a long agent answer; 0.2 is our own deadline, so that P3 can be read off."""

_GEN_AI = ("gen_ai.operation.name", "gen_ai.provider.name")
"""What the conventions ask for. Asked-for model names are callers' text, so the rung stands in their place."""

_USAGE = "gen_ai.client.inference.usage."


def _kind(dialect: str) -> tuple[str, str]:
    """Operation and provider, as the conventions name them, of a dialect such as `openai.responses`."""
    provider, _, rest = dialect.partition(".")
    return ("embeddings" if rest == "embeddings" else "chat", provider)


class Telemetry:
    """Implements `ports.Records`: one call per exchange, on the event loop. Also counts what is not an exchange."""

    def __init__(self) -> None:
        reader = PrometheusMetricReader()
        view = View(instrument_name="*.duration", aggregation=ExplicitBucketHistogramAggregation(_DURATION_BUCKETS))
        # Nothing is traced here, so there is no trace that an exemplar could point to.
        self._provider = MeterProvider(metric_readers=[reader], views=[view], exemplar_filter=AlwaysOffExemplarFilter())
        meter = self._provider.get_meter("costward")
        self._meter = meter
        by_decision = ("policy", "decision")
        by_model = ("policy", "costward.rung", "estimated", *_GEN_AI)
        self._exchanges = _Tally(
            meter, "costward.exchanges", "", "Exchanges by decision and end", ("policy", "decision", "end", "rung")
        )
        self._spent = _Tally(
            meter, "costward.spent", "{microUSD}", "What callers' caps were charged", ("policy", "rung")
        )
        self._saved = _Tally(meter, "costward.saved", "{microUSD}", "What callers would have paid besides", by_decision)
        self._cache = _Tally(
            meter, "costward.cache.lookups", "", "Cache outcomes by tier", ("policy", "outcome", "tier")
        )
        self._input = _Tally(meter, f"{_USAGE}input_tokens", "{token}", "Tokens sent to models", by_model)
        self._output = _Tally(meter, f"{_USAGE}output_tokens", "{token}", "Tokens of answers", by_model)
        self._cache_read = _Tally(
            meter,
            f"{_USAGE}cache_read.input_tokens",
            "{token}",
            "Input tokens that the provider had in its cache",
            by_model,
        )
        self._unpriced = _Tally(
            meter,
            "costward.unpriced",
            "",
            "Exchanges with endpoints that no codec reads, without what is free",
            ("policy", "endpoint", "decision"),
        )
        self._warnings = meter.create_counter("costward.degradations", description="Whatever was not as it should be")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", "s", "Whole exchanges")
        self._decided = meter.create_histogram("costward.decision.duration", "s", "Request headers to decision")

    def write(self, record: Record) -> None:
        policy = record.policy or "none"
        rung = record.rung or "none"
        decision = record.decision
        self._exchanges.add(1, (policy, decision, record.end, rung))
        for code in record.warnings:
            self._warnings.add(1, {"code": code})
        if record.dialect is None:
            # Let go at its headers: there is no cache, no tokens and no duration to tell of.
            if record.reason == UNPRICED:
                self._unpriced.add(1, (policy, record.endpoint or "unknown", decision))
            return
        if record.cost:
            self._spent.add(record.cost, (policy, rung))
        if record.baseline > record.cost:
            self._saved.add(record.baseline - record.cost, (policy, decision))
        self._cache.add(1, (policy, record.cache.outcome, record.cache.tier or "none"))
        kind = _kind(record.dialect)
        self._count_tokens(record, (policy, rung, record.usage.estimated, *kind))
        if record.timings.ended is not None:
            labels = {**dict(zip(_GEN_AI, kind, strict=True)), "policy": policy, "decision": decision}
            self._duration.record(record.timings.ended / 1000, labels)
        if record.timings.decided is not None:
            self._decided.record(record.timings.decided / 1000, {"policy": policy, "decision": decision})

    def _count_tokens(self, record: Record, labels: tuple[str | bool, ...]) -> None:
        usage = record.usage
        if usage.input:
            self._input.add(usage.input, labels)
        if usage.output:
            self._output.add(usage.output, labels)
        if usage.cached_input:
            self._cache_read.add(usage.cached_input, labels)

    def degraded(self, code: str) -> None:
        """Something outside an exchange was not as it should be. May be called from any thread."""
        self._warnings.add(1, {"code": code})

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A gauge that is read at every scrape."""

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            yield Observation(read())

        self._meter.create_observable_gauge(name, [observe], description=description)

    def watch_counts(
        self, name: str, description: str, read: Callable[[], Iterable[tuple[int, Mapping[str, str]]]]
    ) -> None:
        """A counter, by labels, that is read at every scrape."""

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(count, labels) for count, labels in read()]

        self._meter.create_observable_counter(name, [observe], description=description)

    def close(self) -> None:
        self._provider.shutdown()


class _Tally:
    """A counter that is added to by one thread and read at a scrape: a tenth of what a synchronous instrument costs."""

    def __init__(
        self,
        meter: Meter,
        name: str,
        unit: str,
        description: str,
        labels: tuple[str, ...],
    ) -> None:
        self._sums: dict[tuple[str | bool, ...], int] = {}
        self._labels = labels
        meter.create_observable_counter(name, [self._observe], unit, description)

    def add(self, amount: int, values: tuple[str | bool, ...]) -> None:
        """`values`: of the labels, in their order."""
        self._sums[values] = self._sums.get(values, 0) + amount

    def _observe(self, _options: CallbackOptions) -> Iterable[Observation]:
        # A copy, because the scrape is another thread's and a new label set would break the iteration.
        for values, total in self._sums.copy().items():
            yield Observation(total, dict(zip(self._labels, values, strict=True)))
