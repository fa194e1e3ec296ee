"""`costward envoy-config` prints what Envoy accepts, and says what is wrong with what it was given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from costward_cli.main import app
from costward_cli.problems import CliError
from typer.testing import CliRunner

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "policies" / "six-line.yaml"


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, ["envoy-config", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def allows(text: str) -> bool:
    (listener,) = yaml.safe_load(text)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return bool(manager["http_filters"][0]["typed_config"].get("failure_mode_allow", False))


@pytest.mark.slow
def test_envoy_accepts_what_is_printed() -> None:
    result = CliRunner().invoke(app, ["envoy-config", "--check", "--upstream", "https://api.openai.com/v1"])
    assert (result.exit_code, "accepts this configuration" in result.stderr) == (0, True)
    assert yaml.safe_load(result.stdout)["static_resources"]


def test_both_formats_say_the_same() -> None:
    assert yaml.safe_load(printed()) == json.loads(printed("--format", "json"))


def test_the_policies_decide_what_happens_without_the_data_plane(tmp_path: Path) -> None:
    closed = tmp_path / "closed.yaml"
    closed.write_text(
        SAMPLE.read_text().replace("spec:", "spec:\n  failurePolicy: Closed").replace("six-line", "closed")
    )
    assert allows(printed("--policy", str(SAMPLE)))
    assert not allows(printed("--policy", str(SAMPLE), "--policy", str(closed)))
    assert not allows(printed("--failure-policy", "Closed"))


def test_several_providers_are_reached_by_their_names() -> None:
    text = printed("--upstream", "openai=https://api.openai.com/v1", "--upstream", "lan=http://10.0.0.7:8000")
    listener = yaml.safe_load(text)["static_resources"]["listeners"][0]
    hosts = listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    assert [host["domains"] for host in hosts] == [["openai"], ["lan"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--listen", "8080"], "HOST:PORT"),
        (["--upstream", "http://a", "--upstream", "http://b"], "needs a name"),
        (["--upstream", "api.openai.com"], "https://api.openai.com/v1"),
        (["--socket", "/" + "x" * 120], "107"),
        (["--policy", "no-such-file.yaml"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_told_with_its_mending(words: list[str], told: str) -> None:
    with pytest.raises(CliError, match="how to mend") as raised:
        printed(*words)
    assert told in str(raised.value)


@pytest.mark.slow
def test_an_error_is_words_on_standard_error_and_no_traceback() -> None:
    command = [sys.executable, "-m", "costward_cli", "envoy-config", "--listen", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("costward: --listen 'x' is no address\n  how to mend: ")
