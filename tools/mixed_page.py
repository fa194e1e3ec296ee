"""The figures of the comparison under kills in docs/reliability.md, in the place that is marked for them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- kills: written by `make mixed` -->", "<!-- end of kills -->"
_PHASES = (
    ("headers", "in their headers"),
    ("body", "in their body"),
    ("waiting", "waiting"),
    ("stream", "in a stream"),
)


def with_kills(document: str, killed: Mapping[str, Any]) -> str:
    """The document with what this run saw. `killed`: the part of that name of build/mixed.json."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    lines = ["| | |", "|---|---|", *(f"| {name} | {said} |" for name, said in _rows(killed).items())]
    return f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"


def _rows(killed: Mapping[str, Any]) -> dict[str, str]:
    caught, down, ended = killed["caughtByPhase"], killed["downSeconds"], killed["reservations"]
    differences = ", ".join(f"{times} times {words}" for words, times in killed["rewrittenDifferences"].items())
    problems = len(killed["problems"])
    return {
        "exchanges": f"{killed['exchanges']:,} in {killed['seconds']:,} s",
        "kills": f"{killed['kills']}; they caught {_listed(caught)}",
        "undeclared differences, failures or cuts, and mistakes in the books": f"**{problems}**" if problems else "0",
        "declared differences of exchanges that a kill caught or that passed meanwhile": differences or "none",
        "usage chunks that nobody had asked for, and events torn": f"{killed['usageChunksSeen']:,}, "
        f"{killed['tornEvents']:,}",
        "answered without the data plane, by Envoy's own count": f"{killed['letThrough']:,}",
        "exchanges that no client gave up, without a complete record": f"{killed['unrecorded']:,}, of them "
        f"{killed['killedInWriting']:,} whose record was being written",
        "reservations": f"{ended.get('settled', 0):,} settled, {ended.get('lapsed', 0):,} ended by their lease, "
        f"{ended.get('open', 0):,} open",
        "down each time": f"{statistics.median(down):.1f} s in the middle, {min(down):.1f} to {max(down):.1f} s",
    }


def _listed(caught: Mapping[str, int]) -> str:
    return ", ".join(f"{caught.get(phase, 0)} {words}" for phase, words in _PHASES)
