"""The live decision table: the last exchanges and the totals, for a terminal; one line each elsewhere."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from costward_cli.money_text import dollars

ROWS = 15
"""As many as leave room for the exports and the totals in a terminal of 24 lines."""

_COLOURS = {"pass": "white", "route": "cyan", "degrade": "yellow", "refuse": "red"}


class DecisionTable:
    def __init__(self) -> None:
        self._last: deque[dict[str, Any]] = deque(maxlen=ROWS)
        self._requests = self._hits = self._cost = self._saved = 0

    def add(self, record: dict[str, Any]) -> None:
        self._last.append(record)
        self._requests += 1
        self._hits += record["decision"].startswith("hit")
        self._cost += record["cost"]
        self._saved += record["baseline"] - record["cost"]

    def totals(self) -> str:
        rate = self._hits / self._requests if self._requests else 0.0
        return (
            f"{self._requests} requests, hit rate {rate:.1%}, spent {dollars(self._cost)}, saved {dollars(self._saved)}"
        )

    def render(self) -> RenderableType:
        table = Table(expand=True)
        for column in ("at", "decision", "reason", "asked", "served", "tier", "cost", "saved", "ms", "request"):
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for record in self._last:
            table.add_row(*(escape(cell) for cell in _cells(record)), style=_colour(record["decision"]))
        return Group(table, self.totals())


def line(record: dict[str, Any]) -> str:
    """One decision for a log."""
    return "  ".join(cell for cell in _cells(record) if cell)


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    saved = record["baseline"] - record["cost"]
    ended = record["timings"]["ended"]
    return (
        datetime.fromtimestamp(record["at"]).strftime("%H:%M:%S"),
        record["decision"],
        record["reason"],
        record["asked_model"] or "",
        record["served_model"] or "",
        record["tier"] or "",
        dollars(record["cost"]),
        dollars(saved) if saved else "",
        f"{ended:.1f}" if ended is not None else "",
        record["id"][:12],
    )


def _colour(decision: str) -> str:
    return _COLOURS.get(decision, "green")
