"""The page of what `make scale` measured: figures by number of policies, beside the goals and whether they are met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GOAL_AT = 10_000
"""Policies that the goals are for: more than any one cluster's teams have written by hand."""

_HEAD = """\
# Scale

How the operator's cost grows with policies. `make scale` measures it and writes this page.
"""

_HOW = """\
## What was measured

The operator runs as a process of its own with exactly the chart's rights against a real kube-apiserver on etcd
([the bench](cluster-bench.md)), a fresh one for each number of policies. etcd does not sync to disk there, and the
measuring side shares the machine. The policies lie in 100 namespaces, each with two models and a cap.
No data plane takes part, so `Programmed` says `NoDataPlane`, and the settle time is 1 s instead of 30.
Statuses are written at 50 a second after a burst of 100, on purpose: 10,000 take at least 198 s.

- **First publish**: from the start of the process, Python's imports included, until the snapshot of all policies.
- **Statuses true**: until the status of every policy is about its present generation.
- **Burst**: as many changes as are named, 16 requests at a time, counted from the first of them.
- **Restart**: writes of a new process to policies, events and stored snapshots, by the API server's audit log; the
  lease is not counted.
- **CPU and memory**: user and system time, and `VmHWM`, from `/proc`.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, and the goal for it at 10,000 policies where there is one. Goals are bounds from above."""

    words: str
    name: str
    unit: str = "s"
    goal: float | None = None

    def shown(self, result: Mapping[str, Any]) -> str:
        value = float(result[self.name])
        return f"{value:,.0f} {self.unit}".strip() if self.unit != "s" or value >= 100 else f"{value:.1f} s"

    def verdict(self, result: Mapping[str, Any]) -> str:
        """Of a result at the goals' number of policies."""
        if self.goal is None:
            return ""
        return "met" if float(result[self.name]) <= self.goal else "**missed**"


ROWS = (
    Row("first publish", "publish_s", goal=60),
    Row("CPU until then", "publish_cpu_s", goal=10),
    Row("statuses true", "statuses_s"),
    Row("CPU until then", "statuses_cpu_s"),
    Row("changes in the burst", "changes", unit=""),
    Row("last publish after the burst began", "burst_publish_s"),
    Row("statuses true again", "burst_s", goal=30),
    Row("CPU of the burst", "burst_cpu_s"),
    Row("memory at most", "peak_mib", unit="MiB", goal=250),
    Row("writes after a restart", "restart_writes", unit="", goal=0),
    Row("CPU of the restart", "restart_cpu_s"),
)


def page(results: Sequence[Mapping[str, Any]]) -> str:
    """Whole; `results` ordered by their number of policies."""
    goals = next((result for result in results if result["policies"] == GOAL_AT), None)
    heads = [f"{result['policies']:,} policies" for result in results]
    lines = [
        f"| | {' | '.join([*heads, f'goal at {GOAL_AT:,}', ''])} |",
        "|---" * (len(heads) + 3) + "|",
        *(_line(row, results, goals) for row in ROWS),
    ]
    return "\n".join([_HEAD, *_machines(results), "", *lines, "", _missed(goals), "", *_growth(results), _HOW])


def _growth(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each further thousand costs, between the two largest numbers of policies; nothing of fewer than two."""
    if len(results) < 2:
        return []
    fewer, more = results[-2:]
    thousands = (more["policies"] - fewer["policies"]) / 1_000

    def each(name: str, less: str = "") -> float:
        return float((_of(more, name, less) - _of(fewer, name, less)) / thousands)

    told = f"From {fewer['policies']:,} to {more['policies']:,} policies each further thousand costs"
    publish, status = each("publish_cpu_s"), each("statuses_cpu_s", "publish_cpu_s")
    costs = f"{publish:.1f} s of CPU until the first publish, {status:.1f} s for writing its statuses once, and"
    return [told, costs, f"{each('peak_mib'):.0f} MiB of memory.", ""]


def _of(result: Mapping[str, Any], name: str, less: str) -> float:
    return float(result[name]) - (float(result[less]) if less else 0.0)


def _line(row: Row, results: Sequence[Mapping[str, Any]], goals: Mapping[str, Any] | None) -> str:
    goal = "" if row.goal is None else f"{row.goal:g} {row.unit}".strip()
    verdict = row.verdict(goals) if goals is not None else ("not measured" if goal else "")
    return f"| {' | '.join([row.words, *(row.shown(result) for result in results), goal, verdict])} |"


def _missed(goals: Mapping[str, Any] | None) -> str:
    if goals is None:
        return f"{GOAL_AT:,} policies were not measured, so nothing is said of the goals."
    missed = [row for row in ROWS if row.verdict(goals) == "**missed**"]
    if not missed:
        return f"Every goal for {GOAL_AT:,} policies is met."
    told = "; ".join(f"{row.words}: {row.shown(goals)} instead of {row.goal:g} {row.unit}".rstrip() for row in missed)
    return f"Missed at {GOAL_AT:,} policies: {told}."


def _machines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each machine or day that figures come from."""
    told: dict[str, list[str]] = {}
    for result in results:
        one = result["machine"]
        words = f"{one['cores']} shared cores, {one['memoryGiB']} GiB, Python {one['python']}"
        told.setdefault(f"{one['on']} on {words}, Kubernetes {one['kubernetes']}", []).append(f"{result['policies']:,}")
    return [f"{', '.join(counts)} policies: {where}." for where, counts in told.items()]
