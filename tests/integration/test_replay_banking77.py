"""`tools/banking77_log.py` makes the log of docs/replay.md: shuffled by a seed, without replacement, labelled."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from costward_cli.replay.log import read_log

TOOL = Path(__file__).resolve().parents[2] / "tools" / "banking77_log.py"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"id": str(n), "split": "train", "text": f"question {n}", "intent": f"i{n % 3}"} for n in range(30)]
    (tmp_path / "semcache").mkdir()
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "semcache" / "banking77.jsonl.gz").write_bytes(packed)
    return tmp_path


def made(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), "--out", str(data / "out.jsonl"), *words]
    return subprocess.run(command, env={**os.environ, "COSTWARD_DATA": str(data)}, capture_output=True, text=True)


def texts(data: Path, *words: str) -> list[str]:
    assert made(data, *words).returncode == 0
    return [logged.text for logged in read_log(data / "out.jsonl", "m")[0]]


def test_a_seed_gives_one_log_without_repeats(data: Path) -> None:
    first = texts(data, "--count", "20", "--seed", "3")

    assert first == texts(data, "--count", "20", "--seed", "3")
    assert first != texts(data, "--count", "20", "--seed", "4")
    assert len(set(first)) == 20


def test_what_is_skipped_never_comes_again(data: Path) -> None:
    first, rest = texts(data, "--count", "20"), texts(data, "--count", "10", "--skip", "20")

    assert set(first) & set(rest) == set()


def test_too_few_rows_are_said(data: Path) -> None:
    done = made(data, "--count", "31")

    assert done.returncode != 0
    assert "there are 30 rows" in done.stderr


def test_absent_data_is_said(tmp_path: Path) -> None:
    done = made(tmp_path)

    assert done.returncode != 0
    assert "set COSTWARD_DATA" in done.stderr
