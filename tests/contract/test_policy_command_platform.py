"""A platform's policy in a file counts for the data plane and for `costward policy` as it does in a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from costward_cli.policies import compile_files, read_files
from costward_contract.snapshot import Cap, Snapshot
from costward_extproc.adapters.policy_compiler import PolicyFileError, compile_file

TEAM = """
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: bot, namespace: shop}
spec:
  owner: {team: shop}
  tiers: [{name: all, caps: [{per: Workload, window: Day, limitUSD: "5"}]}]
"""
PLATFORM = """
apiVersion: costward.dev/v1alpha1
kind: ClusterCostPolicy
metadata: {name: platform}
spec:
  owner: {team: platform}
  overrides: {tiers: [{name: all, caps: [{per: Policy, window: Month, limitUSD: "100"}]}]}
"""


def test_a_platforms_cap_in_a_file_is_added_to_the_teams(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(f"{TEAM}---{PLATFORM}")

    for snapshot in (compile_file(file), compile_files([file])):
        assert [(cap.scope, cap.limit) for cap in _caps(snapshot)] == [("", 5_000_000), ("platform", 100_000_000)]


def test_it_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    team, platform = tmp_path / "team.yaml", tmp_path / "platform.yaml"
    team.write_text(TEAM)
    platform.write_text(PLATFORM)

    assert len(_caps(compile_files([team, platform]))) == 2


def test_a_target_that_no_file_can_know_is_a_problem_and_not_left_out(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    target = {"group": "", "kind": "Service", "namespace": "shop", "name": "llm"}
    file.write_text(f"{TEAM}---{PLATFORM}  targetRefs: [{json.dumps(target)}]\n")

    with pytest.raises(PolicyFileError, match="TargetNotFound"):
        compile_file(file)
    (problem,) = read_files([file]).problems
    assert "only in a cluster" in problem.message


def _caps(snapshot: Snapshot) -> tuple[Cap, ...]:
    """Of the team's own policy; for callers that it does not name the platform's stands beside it."""
    (bot,) = [each for each in snapshot.policies if each.ref == "shop/bot"]
    return bot.tiers[0].caps
