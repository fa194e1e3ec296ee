"""An account for a terminal: sentences, and tables where there are figures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from costward_cli.policy import words
from costward_cli.policy.account import Account


def shown(account: Account) -> RenderableType:
    return Group(
        _panel("who", _who(account)),
        _panel("models, cheapest first", _prices(account)),
        _panel("caps of this caller", _caps(account), _ladder(account), words.ladder_end(account)),
        _panel("cache", *words.cache(account.cache)),
        _panel("where requests go", _goes(account), f"Routing rules: {account.routing_mode}."),
        _panel("when something is down", words.failures(account)),
    )


def _panel(title: str, *parts: RenderableType) -> Panel:
    plain = [escape(part) if isinstance(part, str) else part for part in parts if part != ""]
    return Panel(Group(*plain), title=title, title_align="left")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _who(account: Account) -> str:
    lines = [words.who(account), words.caller(account), *(f"Mind: {remark}." for remark in account.remarks)]
    lines += [
        f"{other.policy} {'selects it too and goes after' if other.selects else 'does not select it'}."
        for other in account.policies
        if not other.governs
    ]
    return "\n".join(lines)


def _prices(account: Account) -> RenderableType:
    if not account.prices:
        return "The policy names no models: every request goes as it came, priced by the catalogue."
    rows = [
        (price.rung, price.model, words.rate(price.input), words.rate(price.output), price.source)
        for price in account.prices
    ]
    aliases = [f"{name} means {' or '.join(rungs)}." for name, rungs in account.aliases.items()]
    table = _table(("rung", "model", "input per MTok", "output per MTok", "price from"), rows)
    return Group(table, *map(escape, aliases))


def _caps(account: Account) -> RenderableType:
    rows = [
        (cap.cap, words.amount(cap.limit), words.instant(cap.began_at), words.instant(cap.resets_at))
        for cap in account.caps
    ]
    return _table(("cap", "limit", "counted since (UTC)", "resets at"), rows) if rows else ""


def _ladder(account: Account) -> RenderableType:
    rows = [
        (
            f"{begins.at_percent:g}%",
            begins.action,
            words.step(begins),
            ", ".join(f"{words.amount(spend)} of {cap}" for cap, spend in begins.from_spend.items()),
        )
        for begins in account.ladder
    ]
    return _table(("from", "step", "what happens", "that is"), rows) if rows else ""


def _goes(account: Account) -> RenderableType:
    rows = [(row.asked, row.step or "", row.model, row.rung or "", words.why(row)) for row in account.goes]
    return _table(("asked for", "when spent", "goes to", "rung", "why"), rows) if rows else "Wherever they say."
