"""Policies are compiled in a child process: the same snapshot and the same problems as in this one, whatever happens
to the child."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from costward_extproc.adapters.file_snapshots import FileSnapshots
from costward_extproc.adapters.policy_compiler import PolicyFileError, begin, compile_file, load

ROOT = Path(__file__).parents[2]
SAMPLE = next((ROOT / "examples" / "policies").glob("support-bot.yaml"))
BAD = "apiVersion: costward.dev/v1alpha1\nkind: CostPolicy\nmetadata: {name: bad}\nspec: {colour: red, tiers: 7}\n"


def test_the_same_snapshot() -> None:
    assert load(SAMPLE, begin(SAMPLE)) == load(SAMPLE) == compile_file(SAMPLE)


def test_the_same_problems(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    with pytest.raises(PolicyFileError) as here:
        compile_file(path)
    with pytest.raises(PolicyFileError) as there:
        load(path)
    assert there.value.problems == here.value.problems
    assert len(here.value.problems) >= 2


def test_a_killed_child_is_made_good_here() -> None:
    child = begin(SAMPLE)
    assert child is not None
    child.kill()
    assert load(SAMPLE, child) == compile_file(SAMPLE)


def test_a_child_that_hangs_is_not_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.PIPE)
    began = time.monotonic()
    assert load(SAMPLE, child, seconds=0.1) == compile_file(SAMPLE)
    assert time.monotonic() - began < 30
    assert child.returncode == -signal.SIGKILL


def test_a_child_that_prints_something_else_is_not_believed() -> None:
    child = subprocess.Popen([sys.executable, "-c", "print('snapshot')"], stdout=subprocess.PIPE)
    assert load(SAMPLE, child) == compile_file(SAMPLE)


def test_the_last_good_snapshot_is_what_a_bad_file_leaves_in_force(tmp_path: Path) -> None:
    path, kept = tmp_path / "policy.yaml", tmp_path / "snapshot.bin"
    path.write_text(SAMPLE.read_text())
    good = FileSnapshots(path, kept, compiler=begin(path)).current
    path.write_text(BAD)
    rejected: list[bool] = []
    assert FileSnapshots(path, kept, lambda: rejected.append(True)).current == good
    assert rejected == [True]


def test_the_data_plane_carries_no_parser() -> None:
    script = "import sys, costward_extproc.app; print('pydantic' in sys.modules, 'yaml' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]
