"""A flame graph of the data plane under one case's load: where its time goes, by function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.cases import Case
from tests.bench.measure import Plan
from tests.bench.stage import ROOT, Server, Stage

SECONDS = 10
"""Thousands of exchanges: a function that takes a hundredth of the time is seen ten times."""

RATE = 100
"""Samples a second. Each stops the process for a millisecond to read its native stack: more would draw themselves."""


def draw(stage: Stage, plan: Plan, case: Case, target: Path) -> None:
    """Write `target`, an SVG. Raises SystemExit, with the way to mend it, where py-spy cannot look."""
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        raise SystemExit("py-spy is not installed: `make setup` installs it from the lock, then run this again")
    server = stage.server(case.server)
    if server.process is None:
        raise SystemExit(f"{case.name} has no data plane to look into; name one of the cases that have")
    _load(stage, plan, case, server, 1)
    with subprocess.Popen(
        _command(spy, server.process.pid, target), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as looking:
        _load(stage, plan, case, server, SECONDS)
        said, _ = looking.communicate(timeout=SECONDS + 60)
    if looking.returncode != 0:
        raise SystemExit(f"py-spy could not look ({said.decode().strip()}); tracing a process may need to be root")


def _load(stage: Stage, plan: Plan, case: Case, server: Server, seconds: int) -> None:
    """The most connections that the case has: so the data plane is what all wait for."""
    many = case.connections[-1]
    plan.run(stage.folder, server, case.load, seconds=seconds, connections=many, seed=seconds)


def _command(spy: Path, pid: int, target: Path) -> list[str]:
    looked = ["--pid", str(pid), "--subprocesses", "--native"]
    return [str(spy), "record", *looked, "--function", f"--rate={RATE}", f"--duration={SECONDS}", f"--output={target}"]
