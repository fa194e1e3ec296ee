"""`costward policy check`: every problem of every file at once, with its place, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from costward_cli.main import app
from typer.testing import CliRunner, Result

GOOD = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: good}
spec:
  owner: {team: t}
  models: [{name: small, model: gpt-5-mini}]
"""
BAD = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: bad}
spec:
  owner: {team: t}
  priority: high
  tiers: [{name: a, caps: [{per: User, window: Day, limitUSD: 0.5}]}]
"""


def check(folder: Path, *texts: str, flags: tuple[str, ...] = ()) -> Result:
    files = [folder / f"{number}.yaml" for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return CliRunner().invoke(app, ["policy", "check", *map(str, files), *flags], catch_exceptions=False)


def found(folder: Path, *texts: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(check(folder, *texts, flags=("--json",)).stdout)
    return report


def test_a_good_file_ends_with_status_0(tmp_path: Path) -> None:
    result = check(tmp_path, GOOD)

    assert (result.exit_code, result.stdout) == (0, "nothing is wrong; accepted: default/good\n")


def test_each_problem_is_a_line_with_place_value_and_what_is_allowed(tmp_path: Path) -> None:
    result = check(tmp_path, BAD, GOOD)
    lines = result.stdout.splitlines()

    assert result.exit_code == 1
    assert lines[0].startswith(f'{tmp_path / "0.yaml"}:6: spec.priority: is not allowed (found "high"); allowed: ')
    assert any(":7: spec.tiers[0].caps[0].limitUSD: " in line for line in lines)
    assert "accepted: default/good" in result.stderr


def test_scripts_get_the_parts_of_each_problem(tmp_path: Path) -> None:
    report = found(tmp_path, BAD)

    assert report["ok"] is False
    first = report["problems"][0]
    assert (first["line"], first["path"], first["value"]) == (6, "spec.priority", '"high"')
    assert "whole number" in first["allowed"]


def test_files_are_taken_together(tmp_path: Path) -> None:
    report = found(tmp_path, GOOD, GOOD)

    assert report["policies"] == ["default/good"]
    assert [problem["message"].split(":")[0] for problem in report["problems"]] == [
        "another policy named default/good goes before this one"
    ]


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["policy", "check", str(tmp_path / name)], catch_exceptions=False)

    assert result.exit_code == 1
    assert f"{tmp_path / name}: cannot be read" in result.stdout
