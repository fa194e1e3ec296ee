"""`costward-extproc --help` teaches every environment variable; other words do not start a data plane by mistake."""

from __future__ import annotations

import inspect
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from costward_cli.main import app
from costward_extproc.__main__ import main
from costward_extproc.errors import SettingsError
from costward_extproc.settings import Settings, variables
from costward_operator import settings as operator_settings
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[3]
NEEDED = {"COSTWARD_SOCKET": "s", "COSTWARD_STATE_DIR": "d"}
SOURCE = {"COSTWARD_POLICY_FILE": "p"}


def said(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Status and output."""
    monkeypatch.setattr(sys, "argv", ["costward-extproc", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out + err


def test_help_lists_what_the_documents_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(["--help"], monkeypatch, capsys)

    told = set(re.findall(r"^  (COSTWARD_[A-Z_]+) \(", text, re.MULTILINE))
    pages = " ".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert status == 0
    assert told == {variable.name for variable in variables()}
    of_tests = {"COSTWARD_DATA", "COSTWARD_CLUSTER"}
    of_the_operator = set(re.findall(r'"(COSTWARD_[A-Z_]+)"', inspect.getsource(operator_settings)))
    assert set(re.findall(r"COSTWARD_[A-Z_]*[A-Z]", pages)) - told - of_the_operator == of_tests


def test_help_tells_defaults_and_what_must_be_set() -> None:
    told = {variable.name: variable.default for variable in variables()}

    assert {name for name, default in told.items() if default == "must be set"} == set(NEEDED)
    assert told["COSTWARD_WORKLOAD"] == "local/default/local"
    assert (told["COSTWARD_DEADLINE_SECONDS"], told["COSTWARD_WORKERS"]) == ("0.2", "1")
    assert told["COSTWARD_LISTEN"] == "none"
    assert "COSTWARD_WORKER" not in told, "its supervisor sets it"


def test_each_variable_is_read() -> None:
    # Of files and names only their absence can be wrong.
    taken = {"COSTWARD_MODEL_DIR", "COSTWARD_COLD_START_DIR", "COSTWARD_NODE", *SOURCE}
    files = {variable.name for variable in variables() if re.search("_(TLS|PLANE)_", variable.name)}
    wrong = {variable.name for variable in variables()} - taken - files - set(NEEDED)

    with pytest.raises(SettingsError) as problems:
        Settings.from_env(NEEDED | dict.fromkeys(wrong | files, "?"))

    assert {problem.partition("=")[0] for problem in problems.value.problems} == wrong


def test_policies_have_one_source() -> None:
    both = {"COSTWARD_CONTROL_PLANE": "h:1", "COSTWARD_CONTROL_PLANE_CA": "c", "COSTWARD_CONTROL_PLANE_TOKEN": "t"}
    for given in ({}, SOURCE | both):
        with pytest.raises(SettingsError, match="one of the two"):
            Settings.from_env(NEEDED | given)
    assert Settings.from_env(NEEDED | SOURCE).control_plane is None
    assert Settings.from_env(NEEDED | both).policy_file is None


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(["--version"], monkeypatch, capsys) == (0, f"costward-extproc {version('costward')}\n")
    assert CliRunner().invoke(app, ["--version"]).stdout == f"costward {version('costward')}\n"


def test_words_that_mean_nothing_start_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(["--socket", "x"], monkeypatch, capsys)

    assert status == 2
    assert "--socket" in text
