"""The help of `costward replay` tells each default: typer takes brackets for markup and drops what is in them."""

from __future__ import annotations

from costward_cli.main import app
from typer.testing import CliRunner


def test_defaults_in_brackets_are_shown() -> None:
    shown = " ".join(CliRunner().invoke(app, ["replay", "--help"], env={"COLUMNS": "300"}).output.split())
    for default in ("[examples/policies/replay.yaml]", "[a folder that is removed]", "[state]"):
        assert default in shown, default
