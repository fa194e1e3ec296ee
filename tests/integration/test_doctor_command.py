"""`costward doctor` names what is missing and how to mend it, and its exit status says whether the stack can run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from costward_cli.main import app
from costward_cli.sockets import listen
from typer.testing import CliRunner

pytestmark = pytest.mark.slow


def built_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.int8.onnx").write_bytes(b"weights")
    digests = {"model.int8.onnx": hashlib.sha256(b"weights").hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"sha256": digests}))
    return folder


def doctor(folder: Path, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    given = {"--state-dir": folder / "state", "--model-dir": folder / "model", "--port": 0, "--admin-port": 0}
    options = [str(word) for pair in given.items() for word in pair]
    result = CliRunner().invoke(app, ["doctor", "--json", *options, *words], catch_exceptions=False)
    checks = json.loads(result.stdout)["checks"]
    return result.exit_code, {check["name"]: check for check in checks}


def test_a_whole_installation_is_well(tmp_path: Path) -> None:
    built_model(tmp_path / "model")
    code, checks = doctor(tmp_path)
    assert code == 0
    required = ("Python", "packages", "Envoy", "embedder", "state folder", "SQLite WAL", "port", "wiring")
    assert {name: checks[name]["state"] for name in required} == dict.fromkeys(required, "ok")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("damage", ["absent", "changed", "no manifest"])
def test_a_bad_embedder_degrades(tmp_path: Path, damage: str) -> None:
    if damage != "absent":
        model = built_model(tmp_path / "model")
        (model / ("model.int8.onnx" if damage == "changed" else "manifest.json")).write_bytes(b"other")
    code, checks = doctor(tmp_path)
    assert (code, checks["embedder"]["state"]) == (0, "degraded")
    assert "make setup" in checks["embedder"]["mend"]


def test_a_taken_port_is_missing(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        code, checks = doctor(tmp_path, "--port", str(taken.getsockname()[1]))
    assert (code, checks["port"]["state"]) == (1, "missing")
    assert "pid" in checks["port"]["found"]


def test_a_state_folder_that_is_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    code, checks = doctor(tmp_path)
    assert (code, checks["state folder"]["state"]) == (1, "missing")


def test_the_table_is_for_people(tmp_path: Path) -> None:
    words = ["doctor", "--state-dir", str(tmp_path), "--model-dir", str(tmp_path), "--port", "0"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "how to mend" in result.stdout
    assert "degraded" in result.stdout
