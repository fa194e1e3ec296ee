"""What the demo prints: a row a step as it happens, then the totals beside the provider's own bill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from costward_cli.demo.play import Shown
from costward_cli.money_text import dollars


def as_json(steps: Sequence[Shown], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`{ok, steps: [{name, expected, got, ok, ms, costUSD}], totals: {requests, spentUSD, savedUSD, hitRate}}`."""
    return {
        "ok": all(step.ok for step in steps),
        "steps": [
            {
                "name": step.name,
                "expected": step.expected,
                "got": step.got,
                "reason": step.why,
                "ok": step.ok,
                "requests": step.requests,
                "ms": round(step.ms, 1),
                "costUSD": step.cost / 1_000_000,
            }
            for step in steps
        ],
        "totals": totals(records),
    }


def totals(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of every exchange, also those that only prepared a step."""
    hits = sum(record["decision"].startswith("hit") for record in records)
    return {
        "requests": len(records),
        "spentUSD": sum(record["cost"] for record in records) / 1_000_000,
        "savedUSD": sum(record["baseline"] - record["cost"] for record in records) / 1_000_000,
        "hitRate": round(hits / len(records), 4) if records else 0.0,
    }


def table(steps: Sequence[Shown]) -> Table:
    shown = Table(
        title="One unchanged OpenAI SDK, through Envoy and Costward",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in ("step", "decision", "why", "ms", "cost", ""):
        # At 80 columns the steps' names may wrap, decisions and reasons may not.
        shown.add_column(column, justify="right" if column in ("ms", "cost") else "left", no_wrap=column != "step")
    for step in steps:
        mark = "[green]ok[/]" if step.ok else "[red]FAILED[/]"
        got = step.got if step.got == step.expected else f"[red]{step.got}[/], not {step.expected}"
        shown.add_row(step.name, got, step.why, f"{step.ms:.0f}", dollars(step.cost), mark)
    return shown


def summary(records: Sequence[dict[str, Any]], bill: int) -> str:
    """One line of totals, and whether the provider agrees."""
    figures = totals(records)
    spent = sum(record["cost"] for record in records)
    agrees = "the same" if spent == bill else f"[red]{dollars(bill)}[/]"
    saved = dollars(sum(record["baseline"] - record["cost"] for record in records))
    return (
        f"{figures['requests']} requests: spent {dollars(spent)} (the provider's own bill: {agrees}), "
        f"saved {saved}, hit rate {figures['hitRate']:.0%}"
    )
