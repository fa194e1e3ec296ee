"""A replay's summary for people: shares with their intervals, money, time, and what was decided how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from costward_cli.money_text import dollars
from costward_cli.replay.log import BadLine
from costward_cli.replay.rates import CONFIDENCE, Rate
from costward_cli.replay.tally import Hits, Summary, Wrong

_BAD_SHOWN = 5
"""Enough to see what kind of mistake it is."""


def shown(summary: Summary) -> RenderableType:
    return Group(_figures(summary), _latency(summary), _decisions(summary), *_remarks(summary))


def bad_lines(bad: Sequence[BadLine]) -> Iterator[str]:
    """Sentences about lines that were left out."""
    for item in bad[:_BAD_SHOWN]:
        yield f"line {item.line} {item.why}; it is left out"
    if len(bad) > _BAD_SHOWN:
        yield f"and {len(bad) - _BAD_SHOWN} more lines"


def _figures(summary: Summary) -> Table:
    table = Table(title=f"{summary.requests} requests in {summary.seconds:.1f} s", title_justify="left")
    for heading in ("figure", "value", f"{CONFIDENCE:.0%} interval", "of"):
        table.add_column(heading)
    _add_hits(table, summary.hits, "hit rate")
    if summary.wrong is not None:
        _add_wrong(table, summary.wrong, "wrong hits")
    if summary.would_hit is not None:
        _add_hits(table, summary.would_hit, "would have hit")
    if summary.would_be_wrong is not None:
        _add_wrong(table, summary.would_be_wrong, "would be wrong")
    if summary.money is not None:
        table.add_row("cost", dollars(summary.money.cost), "", f"{summary.money.records} records")
        table.add_row("saved", dollars(summary.money.saved), "", f"{summary.money.records} records")
    table.add_row("refused", str(summary.refused), "", f"{summary.requests} requests")
    table.add_row("errors", str(sum(summary.errors.values())), "", f"{summary.requests} requests")
    return table


def _add_hits(table: Table, hits: Hits, name: str) -> None:
    _add_rate(table, name, hits.all, "requests")
    _add_rate(table, "  exact", hits.exact, "requests")
    _add_rate(table, "  semantic", hits.semantic, "requests")


def _add_wrong(table: Table, wrong: Wrong, name: str) -> None:
    _add_rate(table, f"{name} per request", wrong.per_request, "labelled requests")
    _add_rate(table, f"{name} per hit", wrong.per_hit, "judged hits")


def _add_rate(table: Table, name: str, rate: Rate, of: str) -> None:
    interval = f"{rate.low:.2%} to {rate.high:.2%}" if rate.of else ""
    table.add_row(name, f"{rate.share:.2%} ({rate.count})" if rate.of else "none", interval, f"{rate.of} {of}")


def _latency(summary: Summary) -> Table:
    table = Table(title="latency to the last byte, ms", title_justify="left")
    for heading in ("", "answers", "p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for name, times in summary.latency.items():
        if times is not None:
            table.add_row(name, str(times.count), *(f"{ms:.1f}" for ms in (times.p50, times.p95, times.p99)))
    return table


def _decisions(summary: Summary) -> Table:
    table = Table(title="decisions", title_justify="left")
    for heading in ("decision", "reason", "requests"):
        table.add_column(heading, overflow="fold")
    for row in summary.decisions:
        table.add_row(escape(row.decision), escape(row.reason), str(row.count))
    return table


def _remarks(summary: Summary) -> Iterator[str]:
    """What the figures do not say by themselves."""
    if summary.wrong is None:
        yield "The log has no labels, so nobody can say which hits were wrong."
    for wrong in (summary.wrong, summary.would_be_wrong):
        if wrong is not None and wrong.not_judged:
            yield f"{wrong.not_judged} hits could not be judged: nobody knows what their answers were made for."
    if summary.money is None:
        yield "No records of these exchanges were found, so cost and savings are not known: see --state-dir."
    elif summary.money.records < summary.requests:
        yield f"Cost and savings are those of {summary.money.records} exchanges; the others left no record."
    if summary.unseen:
        yield f"{summary.unseen} answers carry no decision: they passed Costward by."
    if summary.errors:
        kinds = ", ".join(f"{count} x {escape(kind)}" for kind, count in summary.errors.items())
        yield f"Errors by status or kind: {kinds}."
    if summary.bad_lines:
        yield f"{summary.bad_lines} lines of the log were left out."
