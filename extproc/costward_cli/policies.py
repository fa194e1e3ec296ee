"""Policy files as the commands need them: compiled, with every problem at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.compiler import compile_policies
from costward_contract.parse import KINDS, parse_documents
from costward_contract.policy import CostPolicy
from costward_contract.problem import Problem
from costward_contract.snapshot import Snapshot

from costward_cli.problems import CliError


@dataclass(frozen=True, slots=True)
class Reading:
    snapshot: Snapshot
    """Of the policies that can be taken."""
    problems: tuple[Problem, ...]


def read_files(paths: Iterable[Path]) -> Reading:
    """All policies of these files together, as a data plane would take them."""
    policies: list[CostPolicy] = []
    platforms: list[ClusterCostPolicy] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            parsed = parse_documents(path.read_text(encoding="utf-8"), str(path), KINDS)
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), None, "", None, f"cannot be read: {error}"))
            continue
        policies += parsed.policies
        platforms += parsed.cluster_policies
        problems += parsed.problems
    snapshot, verdicts = compile_policies(policies, platforms)
    problems += [Problem(verdict.ref, None, "", None, verdict.message) for verdict in verdicts if not verdict.accepted]
    return Reading(snapshot, tuple(problems))


def compile_files(paths: Iterable[Path]) -> Snapshot:
    """All policies of these files in one snapshot. Raises CliError with every problem, each with its place."""
    reading = read_files(paths)
    if reading.problems:
        sentences = "\n".join(str(problem) for problem in reading.problems)
        raise CliError(sentences, mend="correct these lines; docs/policy.md has every field")
    return reading.snapshot
