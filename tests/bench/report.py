"""What `make bench` prints: a table for each part, and all bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from tests.bench.cases import Case
from tests.bench.measure import Measured
from tests.bench.ratios import Bar, Spread, adds_of
from tests.bench.results import Result, added, comparison, figure


def core_table(found: Mapping[str, Result], _cases: Sequence[Case], measured: Measured) -> Table:
    title = "Latency of one connection, throughput of 16 (medians; quartiles over rounds in brackets)"
    names = ("p50 ms", "p99 ms", "adds ms", "adds / noop adds", "rps", "rps x16", "/ noop", "CPU ms", "RSS MB")
    table = _table(title, *names)
    base, noop = found.get("envoy"), found.get("noop")
    for result in found.values():
        http = result.case != "embed"
        three = [(name, "p50_ms", 1) for name in ("envoy", "noop", result.case)]
        ratio = figure(measured, adds_of, *three) if http else None
        table.add_row(
            result.case,
            f"{result.p50Ms:.3f}",
            f"{result.p99Ms:.3f}",
            f"{result.p50Ms - base.p50Ms:.3f}" if base and http else "",
            spread_text(ratio) if ratio else "",
            f"{result.rps:.0f}",
            f"{result.rps16:.0f}" if result.rps16 else "",
            f"{result.rps / noop.rps:.2f}" if noop and http else "",
            f"{result.cpuMsPerRequest:.3f}",
            f"{result.rssMB:.0f}",
        )
    return table


def dialect_table(found: Mapping[str, Result], cases: Sequence[Case], measured: Measured) -> Table:
    """A row for each case of ours; what it is compared with stands beside it."""
    title = "Dialects, modes and sizes at one connection (medians; quartiles over rounds in brackets)"
    names = (
        "envoy p50",
        "noop p50",
        "p50 ms",
        "p99 ms",
        "adds / noop adds",
        "rps / noop",
        "noop CPU",
        "CPU ms",
        "strays",
    )
    table = _table(title, *names)
    for case, result in _ours(found, cases):
        ratio = comparison(case, measured)
        hit = case.decision is not None and case.decision.startswith("hit")
        table.add_row(
            case.name,
            _p50(found, case.base),
            _p50(found, case.noop),
            f"{result.p50Ms:.3f}",
            f"{result.p99Ms:.3f}",
            spread_text(ratio[1]) if ratio and not hit else "",
            spread_text(ratio[1]) if ratio and hit else "",
            _cpu(found, case.noop),
            f"{result.cpuMsPerRequest:.3f}",
            str(result.strays or ""),
        )
    return table


def chunk_table(found: Mapping[str, Result], cases: Sequence[Case], measured: Measured) -> Table:
    title = "Delay of a chunk from its writer to its reader, one stream (medians; quartiles over rounds in brackets)"
    table = _table(title, "envoy p50", "noop p50", "p50 ms", "p99 ms", "added ms", "/ noop's", "CPU ms of a stream")
    for case, result in _ours(found, cases):
        more, ratio = added(case, measured), comparison(case, measured)
        table.add_row(
            case.name,
            _p50(found, case.base),
            _p50(found, case.noop),
            f"{result.p50Ms:.3f}",
            f"{result.p99Ms:.3f}",
            spread_text(more) if more else "",
            spread_text(ratio[1]) if ratio else "",
            f"{result.cpuMsPerRequest:.2f}",
        )
    return table


def worker_table(found: Mapping[str, Result], cases: Sequence[Case], measured: Measured) -> Table:
    title = "32 connections, CPU and memory of all processes (medians; quartiles over rounds in brackets)"
    table = _table(title, "p50 ms", "p99 ms", "rps", "rps / noop rps", "CPU ms", "RSS MB")
    for case in cases:
        if (result := found.get(case.name)) is None:
            continue
        ratio = comparison(case, measured)
        table.add_row(
            case.name,
            f"{result.p50Ms:.2f}",
            f"{result.p99Ms:.2f}",
            f"{result.rps:.0f}",
            spread_text(ratio[1]) if ratio else "",
            f"{result.cpuMsPerRequest:.3f}",
            f"{result.rssMB:.0f}",
        )
    return table


def bars_table(bars: Iterable[Bar]) -> Table:
    table = _table("The bars", "measured", "quartiles", "bar", "", first="what")
    for bar in bars:
        found = bar.measured
        table.add_row(
            bar.what,
            "" if found is None else number(found.middle),
            "" if found is None or found.low == found.high else f"{number(found.low)} to {number(found.high)}",
            f"{bar.sign} {bar.limit:g}",
            verdict(bar),
        )
    return table


def verdict(bar: Bar) -> str:
    if bar.measured is None:
        return "[red]not measured[/]"
    word = "[green]held[/]" if bar.held else "[red]missed[/]"
    return word if bar.clear else f"{word}, narrowly: some rounds say otherwise"


def left_out(measured: Measured) -> list[str]:
    return [f"left out: {name}, {reason}" for name, reason in measured.left_out.items()]


def spread_text(found: Spread) -> str:
    return f"{number(found.middle)} \\[{number(found.low)}-{number(found.high)}]"


def number(value: float) -> str:
    """Infinite is what is compared with something too small to be seen."""
    return f"{value:.2f}" if math.isfinite(value) else "noise"


def _ours(found: Mapping[str, Result], cases: Sequence[Case]) -> list[tuple[Case, Result]]:
    return [(case, found[case.name]) for case in cases if case.noop is not None and case.name in found]


def _p50(found: Mapping[str, Result], name: str | None) -> str:
    return f"{found[name].p50Ms:.3f}" if name is not None and name in found else ""


def _cpu(found: Mapping[str, Result], name: str | None) -> str:
    return f"{found[name].cpuMsPerRequest:.3f}" if name is not None and name in found else ""


def _table(title: str, *columns: str, first: str = "case") -> Table:
    table = Table(title=title)
    table.add_column(first, justify="left", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table
