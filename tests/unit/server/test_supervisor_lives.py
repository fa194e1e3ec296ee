"""The supervisor's care for processes, with small ones in the workers' place: what dies comes back, what loops is not
hurried, what cannot start ends it all, and nobody is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from costward_extproc.settings import Settings
from costward_extproc.supervisor import UNUSABLE, Supervisor
from costward_extproc.worker import Pace

from tests.fakes.running_stack import until

pytestmark = pytest.mark.slow

PACE = Pace(first_s=0.05, longest_s=0.2, steady_s=60.0, end_s=1.0)

WORKER = """
import os, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
born = folder / f"{os.environ['COSTWARD_WORKER']}-{os.getpid()}"
born.write_text(os.environ["COSTWARD_SUPERVISOR"])
mode = (folder / "mode").read_text()
if mode == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "unusable":
    sys.exit(2)
if mode == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
def end(*_):
    born.rename(folder / f"ended-{born.name}")
    sys.exit(0)
if mode != "deaf":
    signal.signal(signal.SIGTERM, end)
born.rename(folder / f"ready-{born.name}")
born = folder / f"ready-{born.name}"
while True:
    time.sleep(1)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because Unix sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="costward-") as path:
        yield Path(path)


@contextlib.asynccontextmanager
async def supervised(folder: Path, mode: str, **changes: float) -> AsyncIterator[asyncio.Task[int]]:
    (folder / "mode").write_text(mode)
    policy, state = folder / "policy.yaml", folder / "state"
    settings = Settings(socket=folder / "s", policy_file=policy, state_dir=state, workers=2, drain_s=0.2, probe_s=0.1)
    command = (sys.executable, "-c", WORKER, str(folder))
    supervisor = Supervisor(settings, os.environ, command, replace(PACE, **changes))
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            await task


def ready(folder: Path) -> list[int]:
    """Process ids, by worker."""
    return [int(path.name.rsplit("-", 1)[1]) for path in sorted(folder.glob("ready-*")) if "ended" not in path.name]


def started(folder: Path) -> int:
    return sum(path.name.rsplit("-", 1)[-1].isdigit() for path in folder.iterdir())


def ended_by_themselves(folder: Path) -> int:
    return len(list(folder.glob("ended-*")))


async def test_a_killed_worker_comes_back_and_all_end_together(folder: Path) -> None:
    async with supervised(folder, "serve") as task:
        await until(lambda: len(ready(folder)) == 2, "the start of all workers")
        first = ready(folder)[0]
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(ready(folder)) == 3, "the start of all workers")
        alive = [pid for pid in ready(folder) if pid != first]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await task == 0
        assert not any(psutil.pid_exists(pid) for pid in alive)
        assert ended_by_themselves(folder) == 2, "asked to end, not killed"


async def test_what_crashes_at_every_start_is_started_ever_more_seldom(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(folder, "crash", longest_s=0.4):
        await until(lambda: "keeps ending" in caplog.text, "the log line")
        begun = started(folder)
        await asyncio.sleep(0.8)
        assert started(folder) - begun <= 2 * 2 + 1, "each at most every 0.4 s"
        assert "was ended by SIGKILL" in caplog.text


async def test_settings_that_no_worker_can_use_end_the_supervisor(folder: Path) -> None:
    async with supervised(folder, "unusable") as task:
        assert await asyncio.wait_for(task, 10) == UNUSABLE
        assert started(folder) <= 2, "no restart mends them"


async def test_a_worker_that_does_not_listen_is_killed_in_the_end(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(folder, "deaf", end_s=0.2) as task:
        await until(lambda: len(ready(folder)) == 2, "the start of all workers")
        pids = ready(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(task, 10) == 0
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert caplog.text.count("is killed") == 2


async def test_a_worker_that_answers_nothing_any_more_is_killed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(folder, "serve", keep_s=0.05, start_s=0.1, hung_s=0.4):
        await until(lambda: "has not answered" in caplog.text, "the end of its patience")
        await until(lambda: "was ended by SIGKILL" in caplog.text, "its end")


TETHERED = """
import os, sys, time
from costward_extproc import tether
tether.end_with(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(60)
"""

PARENT = """
import os, subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], str(os.getpid())])
"""


def test_a_worker_ends_with_its_supervisor() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, TETHERED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = psutil.Process(int(process.stdout.readline()))
        process.kill()
    gone, _ = psutil.wait_procs([worker], timeout=10)
    assert gone == [worker]
