"""`costward replay` through a stack of its own: hits and wrong hits as they are, warm from disk the second time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from costward_cli.main import app
from costward_cli.problems import CliError
from typer.testing import CliRunner

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "examples" / "policies" / "replay.yaml"
DISTINCT = 40
REPEATED = 20


def question(number: int) -> dict[str, str]:
    # Letters, because a number is taken out of the stand-in's question and given back in its answer.
    word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    return {"text": f"How does the {word} card work?", "label": f"card-{word}"}


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def replay(file: Path, *words: object, env: dict[str, str] | None = None) -> dict[str, Any]:
    # Without an embedder the figures are exact: only the same words hit.
    line = ["replay", str(file), "--json", "--model-dir", str(file.parent / "none"), *map(str, words)]
    environment = {"OPENAI_BASE_URL": None, "OPENAI_API_KEY": None, **(env or {})}
    result = CliRunner().invoke(app, line, catch_exceptions=False, env=environment)
    assert result.exit_code == 0, result.stderr
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def test_a_second_replay_starts_warm_from_disk(tmp_path: Path) -> None:
    rows = [question(number) for number in range(DISTINCT)] + [question(number) for number in range(REPEATED)]
    log = write(tmp_path / "log.jsonl", rows)
    options = ("--policy", POLICY, "--state-dir", tmp_path / "state")

    cold = replay(log, *options)
    warm = replay(log, *options)

    assert (cold["requests"], cold["hits"]["exact"]["count"]) == (60, REPEATED)
    assert (warm["requests"], warm["hits"]["exact"]["count"]) == (60, 60)
    assert (cold["wrong"]["per_request"]["count"], warm["wrong"]["not_judged"]) == (0, 0)
    assert cold["money"]["records"] == 60
    assert cold["money"]["saved"] * DISTINCT == pytest.approx(cold["money"]["cost"] * REPEATED, rel=0.1)
    assert (warm["money"]["cost"], warm["errors"], warm["unseen"]) == (0, {}, 0)
    assert warm["latency"]["miss"] is None


def test_wrong_hits_bad_lines_and_streams_are_told(tmp_path: Path) -> None:
    same = "When does my Card arrive?"
    rows: list[dict[str, Any]] = [
        {"text": same, "label": "arrival"},
        # The same words to the cache; whoever wrote the log says that the right answer is another one.
        {"text": "when does my card arrive", "label": "theft"},
        {"request": {"messages": [{"role": "user", "content": same}], "stream": True}, "label": "arrival"},
        {"request": {"messages": "none"}},
    ]
    log = write(tmp_path / "log.jsonl", rows)

    found = replay(log, "--policy", POLICY, "--concurrency", 1)

    assert (found["requests"], found["bad_lines"], found["hits"]["exact"]["count"]) == (3, 1, 2)
    assert (found["wrong"]["per_hit"]["count"], found["wrong"]["not_judged"]) == (1, 0)


def test_in_observe_it_says_what_enforce_would_have_served(tmp_path: Path) -> None:
    observe = tmp_path / "observe.yaml"
    observe.write_text(POLICY.read_text().replace("mode: Enforce", "mode: Observe"))
    log = write(tmp_path / "log.jsonl", [question(1), question(2), question(1)])

    # A URL in the environment gives way to a policy on the line.
    found = replay(log, "--policy", observe, "--concurrency", 1, env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})

    assert (found["hits"]["all"]["count"], found["would_hit"]["exact"]["count"]) == (0, 1)
    assert found["would_be_wrong"]["per_hit"]["of"] == 1


def test_a_wrong_policy_is_told_before_anything_starts(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", [question(1)])
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: CostPolicy\n")

    with pytest.raises(CliError, match="apiVersion"):
        replay(log, "--policy", policy)
    with pytest.raises(CliError, match="leave one of them out"):
        replay(log, "--policy", POLICY, "--base-url", "http://127.0.0.1:9/v1")
