"""A record in full, grouped as a person asks: what was decided, what the cache saw, where it went, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from costward_extproc.core import caps
from costward_extproc.core.record import Record
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from costward_cli.explaining.reasons import GUARDS, WARNINGS
from costward_cli.explaining.sentence import sentence
from costward_cli.money_text import dollars

_Row = tuple[str, object]

_ID_SHOWN = 12
"""Hex digits of an id in a list: no two of a hundred thousand share them, and `explain` takes them."""


def full(record: Record) -> RenderableType:
    parts = [
        Panel(escape(sentence(record)), title=f"request {record.id}", title_align="left"),
        _panel("decision", _decision(record)),
        _panel("request", _request(record)),
        _panel("cache", _cache(record)),
        _panel("route", _route(record)),
        Panel(_caps(record), title="caps", title_align="left"),
        _panel("money", _money(record)),
        _panel("timings", _timings(record)),
    ]
    if record.warnings:
        parts.append(
            _panel(
                "warnings", [(code, WARNINGS.get(code, "no words are known for this code")) for code in record.warnings]
            )
        )
    return Group(*parts)


def listed(records: Sequence[Record]) -> Table:
    """One line each, in the order given."""
    table = Table(title="the last decisions, newest first", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("at (UTC)", "request", "decision", "cost", "saved"):
        table.add_column(heading, no_wrap=True)
    table.add_column("model and reason", overflow="fold")
    for record in records:
        models = dict.fromkeys(name for name in (record.asked_model, record.served_model) if name)
        cells = (
            _instant(record.at)[11:19],
            record.id[:_ID_SHOWN],
            record.decision,
            dollars(record.cost),
            dollars(record.baseline - record.cost),
            f"{' -> '.join(models)} {record.reason}".lstrip(),
        )
        table.add_row(*map(escape, cells))
    return table


def _panel(title: str, rows: Iterable[_Row]) -> Panel:
    """Rows without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value is not None and value != "":
            grid.add_row(name, escape(str(value)))
    return Panel(grid, title=title, title_align="left")


def _decision(record: Record) -> list[_Row]:
    generation = f", generation {record.generation}" if record.generation is not None else ""
    return [
        ("decision", f"{record.decision} ({record.reason})"),
        ("at", _instant(record.at)),
        ("policy", record.policy and f"{record.policy}{generation}, owned by {record.owner}"),
        ("workload", record.workload),
        ("tenant", record.tenant),
        ("user", record.user and f"{record.user} (keyed digest)"),
        ("tier", record.tier),
        ("session", record.session and f"{record.session} (keyed digest)"),
        ("task", record.task),
        ("end", f"{record.end}, status {record.status}" if record.status is not None else record.end),
        ("snapshot", record.snapshot),
    ]


def _request(record: Record) -> list[_Row]:
    inputs = record.inputs
    return [
        ("dialect", record.dialect),
        ("model asked for", record.asked_model),
        ("messages", inputs.messages),
        ("tools", inputs.tools or None),
        ("stream", "yes" if inputs.stream else "no"),
        ("prompt tokens", inputs.tokens),
        ("most output tokens", inputs.max_tokens),
        ("body bytes", inputs.body_bytes),
        ("task type", inputs.task_type),
    ]


def _cache(record: Record) -> list[_Row]:
    cache = record.cache
    scores = ", ".join(f"{score:.4f}" for score in record.inputs.neighbour_scores)
    needed = f", at least {cache.threshold} is asked for" if cache.threshold is not None else ""
    return [
        ("outcome", cache.outcome + (f" ({cache.reason})" if cache.reason else "")),
        ("tier", cache.tier),
        ("score", f"{cache.score:.4f}{needed}" if cache.score is not None else None),
        ("guards", _guards(record)),
        ("nearest scores", scores),
        ("entry", cache.entry),
        ("answer stored", "yes" if cache.stored else "no"),
        ("partition", cache.partition),
        ("exact key", record.inputs.exact_key),
    ]


def _guards(record: Record) -> str | None:
    cache = record.cache
    if cache.outcome == "vetoed":
        return f"`{cache.reason}` objected: {GUARDS.get(cache.reason or '', 'see docs/cache.md')}"
    return "none objected" if cache.tier == "semantic" else None


def _route(record: Record) -> list[_Row]:
    route = record.route
    chosen = f"{route.rule} chose rung {route.rung}" if route.rule else "none held"
    told = chosen if route.enforced or not route.rule else f"{chosen}, only observed"
    return [
        ("rules", told),
        ("rung", record.rung),
        ("model served", record.served_model),
        ("sent to", ", ".join(f"{a.model or 'unknown'} (status {a.status})" for a in record.attempts)),
    ]


def _caps(record: Record) -> RenderableType:
    if not record.caps:
        return "no cap applied, or none could be read"
    table = Table(box=None)
    for heading in ("cap", "spent", "reserved", "limit", "resets at", "step in force"):
        table.add_column(heading)
    for cap in record.caps:
        resets = caps.instant(cap.resets_at)
        amounts = (dollars(cap.spent), dollars(cap.reserved), dollars(cap.limit))
        table.add_row(escape(cap.id), *amounts, resets, cap.step or "none")
    return table


def _money(record: Record) -> list[_Row]:
    usage = record.usage
    by = " (estimated)" if usage.estimated else ""
    return [
        ("input tokens", f"{usage.input}, of which cached {usage.cached_input}{by}"),
        ("output tokens", f"{usage.output}, of which reasoning {usage.reasoning}{by}"),
        ("price from", record.price_source),
        ("reserved", dollars(record.reserved)),
        ("cost", dollars(record.cost)),
        ("without Costward", dollars(record.baseline)),
        ("saved", dollars(record.baseline - record.cost)),
    ]


def _timings(record: Record) -> list[_Row]:
    times = record.timings
    named = (("decided after", times.decided), ("first byte after", times.first_byte), ("ended after", times.ended))
    return [(name, f"{ms:.1f} ms") for name, ms in named if ms is not None]


def _instant(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(sep=" ", timespec="milliseconds")
