"""What the commands for platform teams tell, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from costward_cli.cluster.findings import Finding
from costward_cli.cluster.standing import SHOWN, Standing, Told, age, short_hash, unmet

if TYPE_CHECKING:
    # It loads the data plane's core, which other commands do not need.
    from costward_cli.cluster.applying import Applying
    from costward_cli.cluster.coverage import Coverage

_COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}


def plain_table(headings: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def standing_table(standings: Sequence[Standing]) -> RenderableType:
    """One row a policy, and below it why something does not hold."""
    table = plain_table(("policy", *SHOWN, "age", "snapshot"))
    for one in standings:
        cells = [_cell(one.conditions[kind]) for kind in SHOWN]
        table.add_row(escape(one.ref), *cells, age(one.age_s), short_hash(one.snapshot) or "none")
    remarks = [escape(f"{one.ref}: {kind}: {told.message}") for one in standings for kind, told in unmet(one)]
    return Group(table, *remarks)


def _cell(told: Told) -> str:
    return f"[{_COLOURS.get(told.status, 'yellow')}]{escape(told.status)}[/] {escape(told.reason)}".rstrip()


_STATES = {"ok": "green", "degraded": "yellow", "missing": "red"}


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    table = plain_table(("what", "where", "state", "found", "how to mend"))
    for one in findings:
        state = f"[{_STATES[one.state]}]{one.state}[/]"
        table.add_row(escape(one.what), escape(one.where), state, escape(one.found), escape(one.mend))
    return table


def applying_table(found: Applying) -> RenderableType:
    table = plain_table(("policy", "kind", "role", "why"))
    for one in found.policies:
        table.add_row(escape(one.ref), one.kind, one.role, escape(one.why))
    return Group(escape(f"Calls of {found.workload}:"), table)


def coverage_table(found: Coverage) -> RenderableType:
    table = plain_table(("workload", "metered", "unseen", "opaque connections", "hosts"))
    for one in found.workloads:
        row = (one.workload, f"{one.metered:,}", f"{one.unseen:,}", f"{one.opaque:,}", ", ".join(one.hosts))
        table.add_row(*map(escape, row))
    unpriced = [
        f"{count:,} of them without a price, under {policy}" for policy, count in found.unpriced.items() if count
    ]
    if found.share is None:
        return "Nothing went to a provider that is known here."
    return Group(table, *map(escape, unpriced), f"Metered and priced: {found.share:.1%} of what went to providers.")
