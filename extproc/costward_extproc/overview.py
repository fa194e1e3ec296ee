"""What a supervisor tells of all its workers together, at the one admin interface that people and scrapes know."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from costward_extproc.adapters.merged_metrics import MergedMetrics
from costward_extproc.admin import Admin
from costward_extproc.wirings import merged
from costward_extproc.worker import Slot, Worker


def admin_of(
    port: int, metrics: MergedMetrics, slots: Iterable[Slot], workers: Callable[[], Iterable[Worker]]
) -> Admin:
    """`workers`: all that live now. Raises SettingsError where the port is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    registry.register(_Lives(slots))
    # Ready as soon as one serves: proxies know each worker's health by themselves, and a whole pod taken out for one
    # worker that restarts would make an outage of a crash.
    questions: dict[str, Callable[[], bool]] = {
        "/ready": lambda: any(worker.says("/ready") is not None for worker in workers()),
        "/health": lambda: True,
    }
    pages = {"/wirings": lambda: merged(page for worker in workers() if (page := worker.says("/wirings")) is not None)}
    return Admin(port, questions, registry, pages)


class _Lives(Collector):
    """How many workers serve, and restarts by number."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = slots

    def collect(self) -> Iterable[Metric]:
        counter = CounterMetricFamily("costward_worker_restarts", "Workers that ended unasked", labels=["worker"])
        for slot in self._slots:
            counter.add_metric([str(slot.number)], slot.restarts)
        yield counter
        serving = sum(slot.current is not None and slot.current.says("/ready") is not None for slot in self._slots)
        yield GaugeMetricFamily("costward_workers_serving", "Workers that serve now", serving)
