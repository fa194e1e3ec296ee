"""The local stack with real processes: what a client reaches, what comes back after a crash, what stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from costward_cli.data_plane import FIRST_PAUSE_SECONDS, STEADY_SECONDS
from costward_cli.problems import CliError
from costward_cli.sockets import listen
from costward_cli.stack import Stack, StackSpec

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FAKE = (sys.executable, str(ROOT / "tests" / "fakes" / "fake_data_plane.py"))
QUESTION = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "When are you open?"}]}


@pytest.fixture
def spec(tmp_path: Path) -> StackSpec:
    policy = tmp_path / "policy.yaml"
    policy.write_text("")
    return StackSpec(
        policy_file=policy,
        state_dir=tmp_path / "state",
        listen_port=0,
        stand_in_args=("--chunk-ms", "0"),
        data_plane_command=FAKE,
    )


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def ask(stack: Stack) -> httpx.Response:
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(f"{stack.base_url}/chat/completions", json=QUESTION)


async def first(decisions: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    return await anext(decisions)


async def test_a_question_goes_all_the_way_and_is_told(spec: StackSpec) -> None:
    told: list[dict[str, Any]] = []
    async with Stack(spec, on_decision=told.append) as stack:
        reader = asyncio.create_task(first(stack.decisions()))
        await asyncio.sleep(0)
        response = await ask(stack)
        decision = await asyncio.wait_for(reader, 5)
        pids = stack.pids
        run_dir = stack.run_dir
        assert await stack.let_through() == 0
    assert "9 to 18" in response.json()["choices"][0]["message"]["content"]
    assert decision["decision"] == "pass"
    assert told == [decision]
    assert len(pids) == 3
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert not run_dir.exists()


async def test_a_killed_data_plane_comes_back_and_traffic_flows_meanwhile(spec: StackSpec) -> None:
    events: list[str] = []
    async with Stack(spec, on_event=events.append) as stack:
        before = stack.data_plane_pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        assert (await ask(stack)).status_code == 200
        assert await stack.let_through() == 1
        await until(lambda: stack.restarts == 1 and len(events) == 2)
        assert stack.data_plane_pid not in (None, before)
    assert "ended with status -9" in events[0]
    assert "serves again" in events[1]


async def test_one_that_has_served_comes_back_at_once_however_often_it_dies(spec: StackSpec) -> None:
    """A pause that grows is for what dies in its start: to callers it is time without Costward."""
    events: list[str] = []
    async with Stack(spec, on_event=events.append) as stack:
        for kills in range(1, 4):
            await asyncio.sleep(STEADY_SECONDS + 0.1)
            assert stack.data_plane_pid is not None
            os.kill(stack.data_plane_pid, signal.SIGKILL)
            await until(lambda kills=kills: sum("serves again" in event for event in events) == kills)  # type: ignore[misc]
    assert sum(f"again in {FIRST_PAUSE_SECONDS:g} s" in event for event in events) == 3, events


async def test_a_data_plane_that_cannot_start_says_why(spec: StackSpec, tmp_path: Path) -> None:
    broken = StackSpec(
        policy_file=spec.policy_file,
        state_dir=spec.state_dir,
        listen_port=0,
        run_dir=tmp_path / "r",
        data_plane_command=(sys.executable, "-c", "raise SystemExit('COSTWARD_LEASE_SECONDS is odd')"),
    )
    before = living_children()
    with pytest.raises(CliError, match="COSTWARD_LEASE_SECONDS is odd"):
        async with Stack(broken):
            pass
    assert living_children() == before, "others of this run may have processes of their own"


def living_children() -> set[int]:
    children = psutil.Process().children(recursive=True)
    return {child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE}


async def test_a_dead_envoy_ends_the_stack_with_words(spec: StackSpec) -> None:
    async with Stack(spec) as stack:
        envoy = next(pid for pid in stack.pids if "envoy" in psutil.Process(pid).name())
        os.kill(envoy, signal.SIGKILL)
        with pytest.raises(CliError, match="Envoy ended with status -9"):
            await asyncio.wait_for(stack.until_broken(), 5)


async def test_a_taken_port_is_named_before_anything_starts(spec: StackSpec) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        busy = StackSpec(policy_file=spec.policy_file, state_dir=spec.state_dir, listen_port=port)
        with pytest.raises(CliError, match=rf"port {port} .* is taken by pid {os.getpid()} .*\n.*--port"):
            async with Stack(busy):
                pass
    assert not spec.state_dir.exists()


async def test_a_run_folder_whose_path_is_too_long_is_refused(spec: StackSpec, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    long = StackSpec(policy_file=spec.policy_file, state_dir=spec.state_dir, listen_port=0, run_dir=deep)
    with pytest.raises(CliError, match="107"):
        async with Stack(long):
            pass


SUPERVISOR = """
import asyncio, json, sys
from pathlib import Path
from costward_cli.stack import Stack, StackSpec

async def main(policy, state, *fake):
    spec = StackSpec(policy_file=Path(policy), state_dir=Path(state), listen_port=0, data_plane_command=fake)
    async with Stack(spec) as stack:
        print(json.dumps(stack.pids), flush=True)
        await stack.until_broken()

asyncio.run(main(*sys.argv[1:]))
"""


@contextlib.asynccontextmanager
async def supervised(spec: StackSpec) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(spec.policy_file), str(spec.state_dir), *FAKE),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    pids: list[int] = json.loads(await process.stdout.readline())
    try:
        yield process, pids
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
async def test_no_child_outlives_its_supervisor(spec: StackSpec, how: signal.Signals) -> None:
    async with supervised(spec) as (process, pids):
        assert len(pids) == 3
        process.send_signal(how)
        await asyncio.wait_for(process.wait(), 30)
        await until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
