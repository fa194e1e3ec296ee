"""One scrape for several workers: their expositions, read and added up.

Counters and histograms are sums over all processes that ever were: what a worker had counted when it ended stays in,
so that no counter goes backwards when it is replaced. Gauges tell how things are now, so only living workers count.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_Key = tuple[str, frozenset[tuple[str, str]]]
_Families = dict[str, "_Family"]

_LASTING = frozenset({"counter", "histogram", "summary"})

_GAUGES: Mapping[str, Literal["max", "min"]] = {
    # One worker without its embedder is what an operator must see.
    "costward_semantic_up": "min",
    "process_start_time_seconds": "min",
    "process_max_fds": "max",
    "python_info": "max",
    "target_info": "max",
}
"""Gauges that are no amounts: of all others the workers' values are added up."""


class _Family:
    """One metric, added up."""

    def __init__(self, kind: str, help: str) -> None:
        self.kind = kind
        self.help = help
        self.values: dict[_Key, float] = {}

    def add(self, key: _Key, value: float, how: str) -> None:
        known = self.values.get(key)
        if known is None:
            self.values[key] = value
        elif how == "sum":
            self.values[key] = known + value
        else:
            self.values[key] = max(known, value) if how == "max" else min(known, value)


class MergedMetrics(Collector):
    """A collector for a `CollectorRegistry`. May be used from any thread."""

    def __init__(self, refresh: Callable[[], object]) -> None:
        """`refresh` is called before each collection, to hand in the newest expositions by `saw`."""
        self._refresh = refresh
        self._gate = threading.Lock()
        self._living: dict[int, str] = {}
        self._gone: _Families = {}

    def saw(self, pid: int, exposition: str) -> None:
        """What this process tells now. One that has departed is not listened to any more."""
        with self._gate:
            if pid in self._living:
                self._living[pid] = exposition

    def arrived(self, pid: int) -> None:
        with self._gate:
            self._living[pid] = ""

    def departed(self, pid: int, last: str | None) -> None:
        """This process has ended. `last`: its final exposition; None: killed, so what was seen last stands."""
        with self._gate:
            seen = self._living.pop(pid, "")
            _add(self._gone, last or seen, _LASTING)

    def collect(self) -> Iterable[Metric]:
        self._refresh()
        with self._gate:
            living = list(self._living.values())
            merged = {name: _copy(family) for name, family in self._gone.items()}
        for exposition in living:
            _add(merged, exposition)
        for name, family in merged.items():
            metric = Metric(name, family.help, family.kind)
            metric.samples = [Sample(name, dict(labels), value) for (name, labels), value in family.values.items()]
            yield metric


def _add(families: _Families, exposition: str, kinds: frozenset[str] | None = None) -> None:
    for metric in text_string_to_metric_families(exposition):
        if kinds is not None and metric.type not in kinds:
            continue
        family = families.setdefault(metric.name, _Family(metric.type, metric.documentation))
        how = _GAUGES.get(metric.name, "sum")
        for sample in metric.samples:
            family.add((sample.name, frozenset(sample.labels.items())), sample.value, how)


def _copy(family: _Family) -> _Family:
    copy = _Family(family.kind, family.help)
    copy.values = dict(family.values)
    return copy
