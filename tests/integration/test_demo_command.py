"""`costward demo` shows every decision, and is not pleased with itself where one of them did not happen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.running_stack import MODEL_DIR, ROOT

pytestmark = pytest.mark.slow


def demo(*words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "costward_cli", "demo", "--json", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=55, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_every_step_comes_out_as_promised() -> None:
    status, shown = demo("--model-dir", str(MODEL_DIR))
    assert status == 0, shown
    assert set(shown) == {"ok", "steps", "totals"}
    assert shown["ok"] is True
    for step in shown["steps"]:
        assert {"name", "expected", "got", "ok", "ms", "costUSD"} <= set(step)
        assert step["got"] == step["expected"]
    assert {step["got"] for step in shown["steps"]} == {
        "pass",
        "hit-exact",
        "hit-semantic",
        "route",
        "degrade",
        "refuse",
    }
    totals = shown["totals"]
    assert set(totals) == {"requests", "spentUSD", "savedUSD", "hitRate"}
    assert totals["requests"] >= len(shown["steps"])
    assert totals["spentUSD"] > 0
    assert totals["savedUSD"] > 0
    assert 0 < totals["hitRate"] < 1


def test_it_fails_by_the_step_that_cannot_happen(tmp_path: Path) -> None:
    status, shown = demo("--model-dir", str(tmp_path / "none"))
    assert status == 1
    assert shown["ok"] is False
    failed = {step["name"]: step["got"] for step in shown["steps"] if not step["ok"]}
    assert failed["a true paraphrase"] == "pass"
    assert "the same words" not in failed
