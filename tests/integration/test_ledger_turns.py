"""Processes that write to one file take turns: none that commits batch after batch keeps another waiting."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from costward_extproc.adapters.turns import Turns

pytestmark = pytest.mark.slow

GREEDY = """
import sys, time
from pathlib import Path
from costward_extproc.adapters.turns import Turns
turns = Turns(Path(sys.argv[1]))
turns.take(10)
print("has it", flush=True)
if sys.argv[2] == "stopped":
    time.sleep(60)
until = time.monotonic() + 2
while time.monotonic() < until:
    time.sleep(0.003)
    turns.give()
    turns.take(10)
"""


def greedy(path: Path, how: str) -> subprocess.Popen[str]:
    """A process that holds its turn for 3 ms, gives it back, and asks for the next one at once; or never gives it."""
    process = subprocess.Popen([sys.executable, "-c", GREEDY, str(path), how], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    process.stdout.close()
    return process


def test_nobody_waits_for_more_than_the_turn_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process, turns, waits = greedy(path, "greedy"), Turns(path), []
    while process.poll() is None:
        began = time.monotonic()
        assert turns.take(5)
        waits.append(time.monotonic() - began)
        turns.give()
    turns.close()
    assert len(waits) > 100, "it was served after each turn of the other"
    assert sorted(waits)[len(waits) * 9 // 10] < 0.02


def test_a_process_that_died_in_its_turn_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process, turns = greedy(path, "stopped"), Turns(path)
    assert not turns.take(0.05), "it is the other's turn"
    process.kill()
    process.wait()
    assert turns.take(5)
    turns.close()


def test_whoever_gave_up_stands_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    one, two, three = Turns(path), Turns(path), Turns(path)
    assert one.take(0)
    assert not two.take(0)
    one.give()
    assert three.take(0)
    for turns in (one, two, three):
        turns.close()
