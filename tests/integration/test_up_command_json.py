"""`costward up --json` for programs: standard output holds decision records and nothing else."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.fakes.running_stack import ROOT, policy
from tests.fakes.running_up import START_SECONDS, up_words

pytestmark = pytest.mark.slow


def until_found(pattern: str, file: Path) -> re.Match[str]:
    deadline = time.monotonic() + START_SECONDS
    while (found := re.search(pattern, file.read_text())) is None:
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.05)
    return found


def test_each_line_of_standard_output_is_a_record_and_edits_of_the_failure_policy_are_told(tmp_path: Path) -> None:
    policy_file = tmp_path / "policy.yaml"
    policy_file.write_text(policy(limit_usd="5", cache="Enforce"))
    out, err = tmp_path / "out", tmp_path / "err"
    words = up_words(policy_file, tmp_path / "state", "--json", "--model-dir", str(tmp_path / "none"))
    with out.open("w") as stdout, err.open("w") as stderr:
        up = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    try:
        url = until_found(r"OPENAI_BASE_URL=(\S+)\n[^$]*Ctrl-C stops", err)[1]
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "repeat 3 words"}]}
        for _ in range(2):
            httpx.post(f"{url}/chat/completions", json=body, headers={"x-user-id": "ada"}, timeout=20)
        policy_file.write_text(policy_file.read_text().replace("spec:", "spec:\n  failurePolicy: Closed", 1))
        until_found(r"is now Closed, but Open is still in force.*Restart `costward up`", err)
        up.send_signal(signal.SIGTERM)
        assert up.wait(20) == 0
    finally:
        up.kill()
        up.wait()
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["decision"] for record in records] == ["pass", "hit-exact"]
    assert "stopped: 2 requests" in err.read_text()
