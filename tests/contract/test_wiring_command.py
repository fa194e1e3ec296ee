"""`costward wiring`: what it prints can be checked by it, and any drift is told and ends with status 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from costward_cli.commands.wiring import Target
from costward_cli.main import app
from typer.testing import CliRunner, Result


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["wiring", *words], input=given)


@pytest.mark.parametrize("target", list(Target))
def test_what_is_rendered_passes_the_check(target: Target) -> None:
    printed = run("render", "--target", target).stdout

    assert run("check", "-", "--target", target, given=printed).exit_code == 0


def test_a_changed_field_is_named(tmp_path: Path) -> None:
    objects = json.loads(run("render", "--target", "istio-sidecar", "--format", "json").stdout)
    rule = next(one for one in objects["items"] if one["kind"] == "DestinationRule")
    rule["spec"]["trafficPolicy"]["tls"]["mode"] = "DISABLE"
    file = tmp_path / "in-use.json"
    file.write_text(json.dumps(objects))

    told = run("check", str(file), "--target", "istio-sidecar", "--json")

    assert told.exit_code == 1
    (difference,) = json.loads(told.stdout)["differences"]
    assert difference["kind"] == "changed"
    assert difference["where"].endswith("spec.trafficPolicy.tls.mode")


def test_an_object_of_another_wiring_or_none_is_told() -> None:
    objects = list(yaml.safe_load_all(run("render", "--target", "istio-waypoint").stdout))
    objects[0]["metadata"]["labels"]["costward.dev/wiring"] = "v0"

    told = run("check", "-", "--target", "istio-waypoint", "--json", given=yaml.safe_dump_all(objects[:-1]))

    assert {one["kind"] for one in json.loads(told.stdout)["differences"]} == {"version", "missing"}


def test_a_provider_of_ones_own_is_wired_by_its_host() -> None:
    printed = run("render", "--target", "istio-sidecar", "--provider", "own=llm.example.com/api/v1").stdout

    assert "llm.example.com" in printed
    assert "/api/v1" in printed
