"""`costward up` as a process: it stops cleanly, refuses what cannot work, and takes a policy's edits while it runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from costward_cli.sockets import listen

from tests.fakes.running_stack import ROOT, policy
from tests.fakes.running_up import RunningUp, running_up, up_words

pytestmark = pytest.mark.slow


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(policy(limit_usd="5", cache="Enforce"))
    return path


def ask(up: RunningUp, text: str) -> httpx.Response:
    body: Any = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}]}
    return httpx.post(f"{up.base_url}/chat/completions", json=body, headers={"x-user-id": "ada"}, timeout=20)


def decision(up: RunningUp, text: str) -> str:
    return ask(up, text).headers["x-costward-decision"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """For a start that must fail."""
    return subprocess.run(list(words), cwd=ROOT, capture_output=True, text=True, timeout=40, check=False)


def test_it_stops_cleanly_and_leaves_no_process(policy_file: Path, tmp_path: Path) -> None:
    with running_up(policy_file, tmp_path / "state", "--model-dir", str(tmp_path / "none")) as up:
        assert ask(up, "repeat 3 words").status_code == 200
        children = up.children()
        assert up.stop(signal.SIGINT) == 0, up.text
        assert len(children) == 3
        assert [child for child in children if child.is_running()] == []
        assert re.search(r"^stopped: 1 requests, hit rate 0.0%, spent \$0\.0000", up.text, re.MULTILINE), up.text
        assert "Traceback" not in up.text


def test_a_broken_policy_is_refused_with_every_problem_at_once(policy_file: Path, tmp_path: Path) -> None:
    broken = policy_file.read_text().replace("mode: Enforce", "mode: Sometimes").replace('"5"', "5")
    policy_file.write_text(broken.replace("owner:", "ownr:"))
    before = set(psutil.Process().children(recursive=True))
    done = run(*up_words(policy_file, tmp_path / "state"))
    assert done.returncode == 1
    assert all(word in done.stderr for word in ("Sometimes", "limitUSD", "ownr", "how to mend", "policy.yaml")), done
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()
    assert set(psutil.Process().children(recursive=True)) == before


def test_a_taken_port_is_named_with_its_holder(policy_file: Path, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = run(*up_words(policy_file, tmp_path / "state", "--port", str(port)))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 (for your clients) is taken by pid {os.getpid()}" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.fixture
def editing(policy_file: Path, tmp_path: Path) -> Iterator[RunningUp]:
    """Ended by SIGTERM, as a service manager does, where the test above is Ctrl-C."""
    with running_up(policy_file, tmp_path / "state", "--model-dir", str(tmp_path / "none")) as up:
        yield up
        children = up.children()
        assert up.stop(signal.SIGTERM) == 0, up.text
        assert [child for child in children if child.is_running()] == []


def test_an_edit_takes_effect_and_a_bad_one_keeps_the_last_good_policy(editing: RunningUp, policy_file: Path) -> None:
    good = policy_file.read_text()
    assert [decision(editing, "repeat 3 words") for _ in range(2)] == ["pass", "hit-exact"]

    policy_file.write_text(good.replace("mode: Enforce", "mode: Observe"))
    editing.until(lambda: decision(editing, "repeat 3 words") == "pass", "the edit")

    policy_file.write_text(good.replace("mode: Enforce", "mode: Sometimes"))
    warned = "the policy that is refused"
    editing.until(lambda: "Sometimes" in data_plane_log(editing), warned)
    assert decision(editing, "repeat 3 words") == "pass"

    policy_file.write_text(good)
    editing.until(lambda: decision(editing, "repeat 3 words") == "hit-exact", "the mended policy")


def data_plane_log(up: RunningUp) -> str:
    """Its folder is the stack's own, named by the socket that the data plane was given."""
    for child in up.children():
        socket = child.environ().get("COSTWARD_SOCKET")
        if socket:
            return Path(socket).with_name("data-plane.log").read_text()
    return ""
