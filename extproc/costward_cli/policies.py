"""Policy files as the commands need them: compiled, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from costward_contract.compiler import compile_policies
from costward_contract.parse import parse_documents
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import Snapshot

from costward_cli.problems import CliError


def compile_files(paths: Iterable[Path]) -> Snapshot:
    """All policies of these files in one snapshot. Raises CliError with every problem, each with its place."""
    policies: list[CostPolicy] = []
    problems: list[str] = []
    for path in paths:
        try:
            parsed = parse_documents(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: cannot be read: {error}")
            continue
        policies += parsed.policies
        problems += [str(problem) for problem in parsed.problems]
    snapshot, verdicts = compile_policies(policies)
    problems += [f"{verdict.ref}: {verdict.message}" for verdict in verdicts if not verdict.accepted]
    if problems:
        raise CliError("\n".join(problems), mend="correct these lines; docs/policy.md has every field")
    return snapshot
