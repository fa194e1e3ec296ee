"""Less than everything still works, and says so: a damaged cache file, and no embedder (promise P10)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from costward_cli.ports_free import free_port

from tests.fakes.running_stack import MODEL_DIR, ROOT, policy, running_stack

pytestmark = pytest.mark.slow

POLICY = policy(semantic="0.90")
QUESTION, PARAPHRASE = "How do I reset my password?", "How can I reset my password?"


async def test_a_damaged_cache_is_moved_aside_and_a_new_one_serves(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    damaged = b"SQLite format 3\x00" + b"no database at all " * 1_000
    (state / "cache.sqlite").write_bytes(damaged)
    async with running_stack(POLICY, state_dir=state) as stack:
        decisions = [(await stack.ask(QUESTION)).headers["x-costward-decision"] for _ in range(2)]
        log = stack.log
    assert decisions == ["pass", "hit-exact"]
    assert (state / "cache.sqlite.corrupt-1").read_bytes() == damaged
    assert "moved to cache.sqlite.corrupt-1, starting with an empty one" in log
    assert "WARNING" in log


async def test_without_an_embedder_equal_words_still_hit_and_it_is_told_everywhere(tmp_path: Path) -> None:
    missing = tmp_path / "no-model"
    async with running_stack(POLICY, model_dir=missing, admin_port=free_port()) as stack:
        asked = [QUESTION, "how do i reset my PASSWORD", PARAPHRASE]
        answers = [await stack.ask(text) for text in asked]
        records = [await stack.record(answer) for answer in answers]
        assert [answer.headers["x-costward-decision"] for answer in answers] == ["pass", "hit-exact", "pass"]
        assert await stack.metric("costward_semantic_up") == 0
        assert await stack.metric("costward_degradations_total") == 1
        log = stack.log
    assert "no semantic tier" in log
    assert str(missing) in log
    assert QUESTION not in log
    assert records[2]["cache"]["outcome"] == "miss"


async def test_with_the_embedder_the_paraphrase_hits_and_nothing_is_complained_of(tmp_path: Path) -> None:
    async with running_stack(POLICY, model_dir=MODEL_DIR, admin_port=free_port()) as stack:
        answers = [await stack.ask(text) for text in (QUESTION, PARAPHRASE)]
        assert [answer.headers["x-costward-decision"] for answer in answers] == ["pass", "hit-semantic"]
        assert await stack.metric("costward_semantic_up") == 1
        assert await stack.metric("costward_degradations_total") == 0


def test_the_doctor_names_the_missing_embedder(tmp_path: Path) -> None:
    words = ["doctor", "--json", "--port", "0", "--state-dir", str(tmp_path), "--model-dir", str(tmp_path / "no-model")]
    command = [sys.executable, "-m", "costward_cli", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["embedder"]["state"] == "degraded"
    assert "exact repeats only" in checks["embedder"]["mend"]
