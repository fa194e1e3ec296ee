"""Something inside a living data plane is slow or broken: callers wait for its own deadline at most, get what they
would have got without it, and it is told (promises P3 and P10)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from costward_cli.ports_free import free_port

from tests.fakes import sick_models, stalling_data_plane
from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.running_stack import RunningStack, policy, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

POLICY = policy(semantic="0.90")
DEADLINE_S = 0.2
MESSAGE_TIMEOUT_S = 1.0
WARM = {"role": "user", "content": "repeat 1 words"}
SLACK_S = 5.0
"""What the provider, the client and a busy machine take besides."""
MANY = 40


def missing(folder: Path) -> Path:
    return folder


SICK = [missing, sick_models.truncated, sick_models.no_model, sick_models.never_running]


def is_told(reason: str | None) -> bool:
    return reason is not None and reason.startswith("cache-unavailable-")


async def warmed(stack: RunningStack) -> None:
    """The stand-in's first answer takes most of a second, which is not what these tests are about."""
    await stack.provider.post("/v1/chat/completions", json={"model": "gpt-5-mini", "messages": [WARM]})


async def asked(stack: RunningStack, number: int, row: Row) -> tuple[float, str | None, str | None]:
    """Seconds, decision and what is said of the cache, of an exchange whose words nobody used before."""
    begun = time.monotonic()
    response = await stack.ask(f"repeat {number % 7 + 1} words, number {number * 7919}", user=f"u{number}")
    row.exchanges += 1
    row.failed += response.status_code != 200
    return (
        time.monotonic() - begun,
        response.headers.get("x-costward-decision"),
        response.headers.get("x-costward-reason"),
    )


async def at_a_pace(stack: RunningStack, row: Row, pause_s: float) -> list[tuple[float, str | None, str | None]]:
    tasks = []
    for number in range(MANY):
        tasks.append(asyncio.create_task(asked(stack, number, row)))
        await asyncio.sleep(pause_s)
    return list(await asyncio.gather(*tasks))


def summed(row: Row, seen: list[tuple[float, str | None, str | None]]) -> str:
    decisions = Counter(str(decision) for _, decision, _ in seen)
    reasons = Counter(str(reason) for _, _, reason in seen)
    keep(f"sick-{row.said}", {"seconds": sorted(round(took, 3) for took, _, _ in seen), "reasons": reasons})
    return f"waited {max(took for took, _, _ in seen):.2f} s at most, decided {decisions['pass']} of {len(seen)}"


@pytest.mark.fault("E4", "an embedder that takes seconds")
async def test_a_slow_embedder_costs_its_share_of_the_deadline(tmp_path: Path, row: Row) -> None:
    async with running_stack(POLICY, model_dir=sick_models.slow(tmp_path / "m"), admin_port=free_port()) as stack:
        assert await stack.metric("costward_semantic_up") == 1
        await warmed(stack)
        seen = await at_a_pace(stack, row, 0.05)
        row.said = "slow-embedder"
        row.said = summed(row, seen)
        assert row.failed == 0
        assert {decision for _, decision, _ in seen} == {"pass"}, "an exchange went by undecided"
        assert max(took for took, _, _ in seen) < DEADLINE_S + SLACK_S
        assert {is_told(reason) for _, _, reason in seen} == {True}, "the semantic tier was not there, and nobody said"
        assert (await stack.settled()).reserved == 0


@pytest.mark.fault("E4", "an embedder that raises")
async def test_a_crashing_embedder_is_a_cache_that_cannot_say(tmp_path: Path, row: Row) -> None:
    async with running_stack(POLICY, model_dir=sick_models.crashing(tmp_path / "m"), admin_port=free_port()) as stack:
        await warmed(stack)
        seen = await at_a_pace(stack, row, 0.05)
        row.said = "crashing-embedder"
        row.said = summed(row, seen)
        assert row.failed == 0
        assert {decision for _, decision, _ in seen} == {"pass"}
        assert {is_told(reason) for _, _, reason in seen} == {True}
        await until(lambda: len(stack.decisions) == MANY, "the records of all")
        assert (await asked(stack, 0, row))[1] == "hit-exact", "the exact tier does not need it"


@pytest.mark.fault("E4", "a model file that is missing, cut short, no model, or does not run")
@pytest.mark.parametrize("sick", SICK)
async def test_without_a_usable_model_the_exact_tier_goes_on(
    sick: Callable[[Path], Path], tmp_path: Path, row: Row
) -> None:
    async with running_stack(POLICY, model_dir=sick(tmp_path / "m"), admin_port=free_port()) as stack:
        assert (await asked(stack, 1, row))[1] == "pass"
        # What was answered is stored a moment later, together with its record.
        await until(lambda: len(stack.decisions) == 1, "its record")
        await asyncio.sleep(0.2)
        assert (await asked(stack, 1, row))[1] == "hit-exact"
        assert (await asked(stack, 2, row))[1] == "pass"
        assert row.failed == 0
        assert await stack.metric("costward_degradations_total", code="no-embedder") == 1
        assert "no semantic tier" in stack.log
        row.said = "told by log and metric"


@pytest.mark.fault("E4", "the event loop stands still for 2 s")
async def test_a_stalled_event_loop_delays_by_the_message_time_out(row: Row) -> None:
    command = (sys.executable, stalling_data_plane.__file__)
    async with running_stack(policy(), data_plane_command=command) as stack:
        assert (await asked(stack, 1_000, row))[1] == "pass"
        pid = stack.stack.data_plane_pid
        assert pid is not None
        os.kill(pid, signal.SIGUSR1)
        stalled = time.monotonic()
        seen = await at_a_pace(stack, row, 0.025)
        await asyncio.sleep(max(0.0, stalling_data_plane.STALL_S - (time.monotonic() - stalled)))
        begun, number = time.monotonic(), 2_000
        while (await asked(stack, number, row))[1] is None:
            number += 1
            assert time.monotonic() - begun < 15, "it does not decide again"
        row.recovery_s = time.monotonic() - begun
        row.said = "stalled-loop"
        row.said = summed(row, seen)
        assert row.failed == 0
        assert max(took for took, _, _ in seen) < MESSAGE_TIMEOUT_S + 2 * SLACK_S
        assert None in {decision for _, decision, _ in seen}, "the loop did not stand still"
        assert stack.stack.restarts == 0
        await until(lambda: stack.books().open == 0, "the end of all reservations")
