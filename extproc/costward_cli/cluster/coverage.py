"""How much of the traffic to providers Costward sees, by what a mesh counts anyway; nothing is decrypted for it.

Pure: samples of metrics and the hosts of providers -> a share for each workload. Two kinds of samples are understood:
Istio's standard metrics (https://istio.io/latest/docs/reference/config/metrics/), and an Envoy's own at
`/stats/prometheus` (https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

HTTP_METRIC, TCP_METRIC = "istio_requests_total", "istio_tcp_connections_opened_total"
UNPRICED_METRIC = "costward_unpriced_total"

_CLUSTER = "envoy_cluster_name"
_COMPLETED = "upstream_rq_completed"
"""Counted by Envoy's HTTP router alone; `upstream_rq_total` counts connections of its TCP proxy too."""
_CONNECTIONS = "upstream_cx_total"
_STAT = re.compile(rf"envoy_cluster_(?:(?P<rest>.+)__)?(?P<stat>{_COMPLETED}|{_CONNECTIONS})(?:_total)?")
"""Istio tells Envoy where a cluster's name ends (`;`). Without that Envoy takes what follows the first dot as part of
the metric's name, with `_` for what a name cannot hold."""
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_ASKED, _ALLOWED = "_ext_proc_costward_streams_started", "_ext_proc_costward_failure_mode_allowed"
"""Ends of names: before them stands what Envoy makes of the listener's prefix."""


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Covered:
    """One workload's traffic to the hosts of providers."""

    workload: str
    """`namespace/workload` as Istio names it, or what the caller called an Envoy's metrics."""
    metered: int
    """Requests that the mesh could read and, as far as is known, that the data plane was asked about."""
    unseen: int
    """Requests that the mesh could read and that passed without the data plane; only an Envoy's own metrics tell."""
    opaque: int
    """Connections that the app encrypted itself: nobody knows how many requests went over each."""
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    workloads: tuple[Covered, ...]
    unpriced: Mapping[str, int]
    """By policy: requests among the metered ones that have no price. The data plane counts them so."""

    @property
    def told(self) -> int:
        return sum(one.metered + one.unseen + one.opaque for one in self.workloads)

    @property
    def share(self) -> float | None:
        """Of all that went to providers, what was metered and priced; None where nothing went. A connection counts as
        one request, so the truth is below it where much is opaque."""
        metered = sum(one.metered for one in self.workloads) - sum(self.unpriced.values())
        return max(0, metered) / self.told if self.told else None


@dataclass(slots=True)
class _Seen:
    http: float = 0
    opaque: float = 0
    asked: float | None = None
    """None: nobody told."""
    hosts: set[str] = field(default_factory=set)

    def covered(self, workload: str) -> Covered:
        metered = self.http if self.asked is None else min(self.http, max(0.0, self.asked))
        unseen = round(self.http) - round(metered)
        return Covered(workload, round(metered), unseen, round(self.opaque), tuple(sorted(self.hosts)))


def samples_of(text: str) -> list[Sample]:
    """Of metrics in Prometheus' text format. Raises ValueError where it is none."""
    families = text_string_to_metric_families(text)
    return [Sample(one.name, one.labels, one.value) for family in families for one in family.samples]


def coverage(istio: Iterable[Sample], envoys: Mapping[str, Iterable[Sample]], hosts: Iterable[str]) -> Coverage:
    """`istio`: Istio's standard metrics and the data plane's. `envoys`: metrics of single proxies by workload.
    `hosts`: names under which providers are asked."""
    known = frozenset(hosts)
    seen: dict[str, _Seen] = defaultdict(_Seen)
    unpriced: dict[str, float] = defaultdict(float)
    for sample in istio:
        if sample.name == UNPRICED_METRIC:
            # What was refused went nowhere.
            if sample.labels.get("decision") == "refuse":
                continue
            unpriced[sample.labels.get("policy", "")] += sample.value
        else:
            _count_istio(seen, sample, known)
    for workload, samples in envoys.items():
        _count_envoy(seen[workload], list(samples), known)
    rows = (one.covered(workload) for workload, one in sorted(seen.items()) if one.hosts)
    return Coverage(tuple(rows), {policy: round(count) for policy, count in sorted(unpriced.items())})


def _count_istio(seen: dict[str, _Seen], sample: Sample, hosts: frozenset[str]) -> None:
    labels = sample.labels
    host = next(
        (labels[key] for key in ("destination_service", "destination_service_name") if labels.get(key) in hosts), ""
    )
    # A server's own report of the same request would count it twice.
    if not host or labels.get("reporter", "source") == "destination":
        return
    one = seen[f"{labels.get('source_workload_namespace', 'unknown')}/{labels.get('source_workload', 'unknown')}"]
    if sample.name == HTTP_METRIC:
        one.http += sample.value
    elif sample.name == TCP_METRIC:
        one.opaque += sample.value
    else:
        return
    one.hosts.add(host)


def _count_envoy(one: _Seen, samples: list[Sample], hosts: frozenset[str]) -> None:
    http = dict(_clusters(samples, _COMPLETED, hosts))
    for (_, host), count in http.items():
        one.http += count
        one.hosts |= {host} if count else set()
    for (cluster, host), count in _clusters(samples, _CONNECTIONS, hosts):
        if count and not http.get((cluster, host)):
            one.opaque += count
            one.hosts.add(host)
    asked = sum(sample.value for sample in samples if _ends(sample, _ASKED))
    allowed = sum(sample.value for sample in samples if _ends(sample, _ALLOWED))
    one.asked = (one.asked or 0) + asked - allowed


def _clusters(samples: Iterable[Sample], stat: str, hosts: frozenset[str]) -> Iterator[tuple[tuple[str, str], float]]:
    """Each cluster of one of the hosts, with its count."""
    spellings = {spelling: host for host in hosts for spelling in _spellings(host)}
    for sample in samples:
        found = _STAT.fullmatch(sample.name)
        if found and found["stat"] == stat:
            cluster = sample.labels.get(_CLUSTER, "").rstrip(";")
            # Istio's are called `outbound|PORT|SUBSET|HOST`.
            host = spellings.get((cluster.rpartition("|")[2], (found["rest"] or "").rstrip("_")))
            if host is not None:
                yield (cluster, host), sample.value


def _spellings(host: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """What stands in the label, and what in the metric's name."""
    first, _, rest = host.partition(".")
    return (host, ""), (first, _NOT_IN_NAMES.sub("_", rest))


def _ends(sample: Sample, end: str) -> bool:
    return sample.name.endswith((end, f"{end}_total"))
