"""From samples to what is written down: a row for each case, and the bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.cases import MANY, Case
from tests.bench.load import Sample
from tests.bench.measure import Measured
from tests.bench.ratios import Bar, Spread, adds_of, difference, in_units, over_rounds, share, spread


@dataclass(frozen=True)
class Ratio:
    """For JSON: a figure against another case's."""

    what: str
    middle: float | None
    """None: noise hid what the other case adds."""
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Result:
    case: str
    p50Ms: float  # the report's names
    p99Ms: float
    rps: float
    cpuMsPerRequest: float
    """Of all processes of the server under the case's name; none of Envoy's or the upstream's."""
    rssMB: float
    rps16: float | None = None
    """Throughput at 16 connections; `rps` is of `connections`."""
    connections: int = 1
    rounds: int = 1
    p50Quartiles: tuple[float, float] = (0.0, 0.0)
    addedP50Ms: float | None = None
    """To an Envoy without the filter."""
    against: str | None = None
    ratio: Ratio | None = None
    strays: int = 0
    """Answers of all rounds that took another path than the case's name says."""


def results(cases: Sequence[Case], measured: Measured) -> list[Result]:
    """In the order of `cases`, without those that were left out."""
    return [
        result(case, measured, samples)
        for case in cases
        if case.name not in measured.left_out
        and (samples := measured.samples.get((case.name, case.connections[0]))) is not None
    ]


def result(case: Case, measured: Measured, samples: Sequence[Sample]) -> Result:
    def middle(figure: str) -> float:
        return round(median(float(getattr(sample, figure)) for sample in samples), 3)

    sixteen = measured.series(case.name, "rps", 16)
    p50 = spread([sample.p50_ms for sample in samples])
    compared = comparison(case, measured)
    return Result(
        case.name,
        middle("p50_ms"),
        middle("p99_ms"),
        middle("rps"),
        middle("cpu_ms"),
        round(measured.rss_mb.get(case.name, 0.0), 1),
        round(median(sixteen), 1) if sixteen and case.connections[0] != 16 else None,
        case.connections[0],
        len(samples),
        (round(p50.low, 3), round(p50.high, 3)),
        None if (found := added(case, measured)) is None else round(found.middle, 3),
        case.noop,
        None if compared is None else _ratio(*compared),
        sum(sample.strays for sample in samples),
    )


def comparison(case: Case, measured: Measured) -> tuple[str, Spread] | None:
    """A miss is told by what it adds to an Envoy without the filter, an answer of our own by its throughput: it saves
    the way to the provider, so it adds nothing."""
    if case.noop is None:
        return None
    many = case.connections[0]
    if case.base is None:
        found = figure(measured, share, (case.name, "rps", many), (case.noop, "rps", many))
        what = "rps / noop rps"
    else:
        found = figure(measured, adds_of, *((name, "p50_ms", many) for name in (case.base, case.noop, case.name)))
        what = "adds / noop adds"
    return None if found is None else (what, found)


def added(case: Case, measured: Measured) -> Spread | None:
    """Milliseconds that it adds to an Envoy without the filter (p50)."""
    many = case.connections[0]
    if case.base is None:
        return None
    return figure(measured, difference, (case.name, "p50_ms", many), (case.base, "p50_ms", many))


def figure(measured: Measured, formula: Callable[..., float], *wanted: tuple[str, str, int]) -> Spread | None:
    """`formula` over the rounds of what is wanted: (case, figure, connections). None: something was left out."""
    series = [measured.series(*each) for each in wanted]
    there = [each for each in series if each]
    return over_rounds(formula, *there) if len(there) == len(series) else None


def core_bars(measured: Measured) -> list[Bar]:
    def p50(*names: str) -> list[tuple[str, str, int]]:
        return [(name, "p50_ms", 1) for name in names]

    added = figure(measured, adds_of, *p50("envoy", "noop", "miss"))
    semantic = figure(measured, in_units, *p50("miss", "miss-semantic", "embed"))
    hit = figure(measured, in_units, *p50("hit-exact", "hit-semantic", "embed"))
    rps = figure(measured, share, ("hit-exact", "rps", 1), ("noop-immediate", "rps", 1))
    rss = max(measured.rss_mb.get(name, math.nan) for name in ("miss", "miss-semantic", "hit-exact", "hit-semantic"))
    start = median(measured.start_seconds[server] for server in ("exact", "semantic"))
    return [
        Bar("a miss adds, of what the no-op adds (p50)", added, "<=", 1.6),
        Bar("the same, by the bar for all dialects and streams", added, "<=", 1.3),
        Bar("a semantic miss adds to a miss, in embeddings", semantic, "<=", 1.3),
        Bar("exact hits, of the no-op's immediate answers (rps)", rps, ">=", 0.4),
        Bar("a semantic hit adds to an exact hit, in embeddings", hit, "<=", 1.3),
        Bar("RSS of the data plane with the model, MB", spread([rss]), "<=", 200.0),
        Bar("start to ready, s", spread([start]), "<=", 2.0),
    ]


def worker_bars(measured: Measured) -> list[Bar]:
    rps = figure(measured, share, ("miss-32", "rps", MANY), ("noop-32", "rps", MANY))
    cpu = figure(measured, share, ("miss-2w", "cpu_ms", MANY), ("miss-32", "cpu_ms", MANY))
    return [
        Bar(f"misses at {MANY} connections, of the no-op's (rps)", rps, ">=", 0.65),
        Bar("CPU of an exchange with two workers, of one worker's", cpu, "<=", 1.1),
    ]


def chunk_bars(cases: Sequence[Case], measured: Measured) -> list[Bar]:
    what = "{} at one stream: added to a chunk (p50), ms"
    return [Bar(what.format(case.name), added(case, measured), "<=", 0.5) for case in cases if case.base is not None]


def _ratio(what: str, found: Spread) -> Ratio:
    return Ratio(what, *(rounded(each) for each in (found.middle, found.low, found.high)))


def rounded(number: float) -> float | None:
    """For JSON, which knows no infinity."""
    return round(number, 3) if math.isfinite(number) else None
