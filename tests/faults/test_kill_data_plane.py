"""kill -9 of the data plane under load: no caller notices, and the books are in order afterwards (promises P1, P2).

Each kill waits until exchanges that the data plane has seen are in every phase at once, so that none is hit by luck.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fault_rows import Row
from tests.fakes.figures import keep
from tests.fakes.load import REPEATED, Load
from tests.fakes.running_stack import RunningStack, policy, read_only, running_stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PHASES = {"headers", "body", "waiting", "stream"}
KILLS = 3
LEASE_S = 3.0
SEEN = 50
"""µ$: of a stream that is well on its way; the inputs here cost 3. Told to the ledger once a second, and
written within another."""
ENVOY_NOTICES_S = 0.6
"""A worker that is back is probed every 250 ms; what began after this was seen by it."""


@dataclass
class Kills:
    at: list[float] = field(default_factory=list)
    """Loop time."""
    phases: list[dict[str, int]] = field(default_factory=list)
    down_s: list[float] = field(default_factory=list)


async def kill_again_and_again(stack: RunningStack, load: Load) -> Kills:
    kills, loop = Kills(), asyncio.get_running_loop()
    for _ in range(KILLS):
        serving_since = loop.time() + ENVOY_NOTICES_S
        await until(
            partial(everywhere, stack, load, serving_since), "an exchange in every phase, one well on its way", 15
        )
        pid = stack.stack.data_plane_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        kills.phases.append(dict(load.phases(serving_since)))
        kills.at.append(loop.time())
        await until(partial(is_back, stack, len(kills.at)), "its return", 45)
        kills.down_s.append(round(loop.time() - kills.at[-1], 2))
    return kills


def everywhere(stack: RunningStack, load: Load, since: float) -> bool:
    """Whether there is an exchange in every phase, and one of them has been paid for in part."""
    return set(load.phases(since)) >= PHASES and seen_of_open(stack.state_dir) >= SEEN


def is_back(stack: RunningStack, kills: int) -> bool:
    return sum("serves again" in event for event in stack.events) == kills


def seen_of_open(state_dir: Path) -> int:
    """The most µ$ that the ledger's file holds of one exchange that is still running."""
    with read_only(state_dir / "ledger.sqlite") as db:
        (most,) = db.execute("SELECT max(seen) FROM reservation WHERE state = 'open'").fetchone()
    return most or 0


def ended_by_lease(state_dir: Path) -> dict[str, int]:
    """Reservations whose exchange died with its process, and the µ$ that were charged for each."""
    with read_only(state_dir / "ledger.sqlite") as db:
        return dict(db.execute("SELECT id, seen FROM reservation WHERE state = 'lapsed'"))


def charged(state_dir: Path) -> int:
    with read_only(state_dir / "ledger.sqlite") as db:
        (total,) = db.execute("SELECT total(seen) FROM reservation WHERE state <> 'open'").fetchone()
    return int(total)


@pytest.mark.fault("E1", "`kill -9` with exchanges in headers, body, waiting and stream")
async def test_callers_notice_nothing_and_the_books_stay_in_order(row: Row) -> None:
    async with running_stack(policy(limit_usd="5", cache="Enforce"), chunk_ms=20, lease_seconds=LEASE_S) as stack:
        assert (await stack.ask(REPEATED, user="regular")).headers["x-costward-decision"] == "pass"
        # Long enough that at any moment some caller waits for its first byte.
        await stack.fault(delayMs=150)
        async with Load(stack.client, workers=12) as load:
            kills = await kill_again_and_again(stack, load)
            await asyncio.sleep(1)
        await stack.fault()

        broken = [exchange for exchange in load.exchanges if not exchange.whole]
        figures = summary(load, kills) | {"letThrough": await stack.stack.let_through()}
        keep("kill", figures)
        row.exchanges, row.failed, row.recovery_s = len(load.exchanges), len(broken), max(kills.down_s)
        row.said = (
            f"{KILLS} kills, {figures['inFlightAtKill']} in flight, {figures['letThrough']} let through and counted"
        )
        assert broken == [], figures
        assert all(set(phases) >= PHASES for phases in kills.phases), figures

        books = await stack.settled(LEASE_S + 10)
        lapsed = ended_by_lease(stack.state_dir)
        figures |= await in_order(stack, books.spent, lapsed)
        keep("kill", figures)
        assert books.reserved == 0
        # The input at least, and of a stream what had been seen of its output.
        assert len(lapsed) >= KILLS, figures
        assert min(lapsed.values()) > 0
        assert max(lapsed.values()) >= SEEN, figures
        assert books.spent == charged(stack.state_dir), figures
        assert figures["spent"] >= figures["recordsSettled"] + figures["lapsedCharged"], figures
        assert figures["spent"] <= figures["billed"], figures

        hit = await stack.ask(REPEATED, user="regular")
        assert hit.headers["x-costward-decision"] == "hit-exact"
        fresh = await stack.ask("repeat 7 words", user="afterwards")
        assert (await stack.record(fresh))["cost"] > 0


async def in_order(stack: RunningStack, spent: int, lapsed: dict[str, int]) -> dict[str, Any]:
    """The ledger beside the records and the provider's bill, in µ$."""
    complete = [record for record in stack.decisions.values() if record["end"] == "complete"]
    settled = [record for record in complete if record["id"] not in lapsed]
    return {
        "spent": spent,
        "billed": (await stack.bill())["microUSD"],
        "records": len(stack.decisions),
        "recordsSettled": sum(record["cost"] for record in settled),
        "recordsOfLapsed": len(complete) - len(settled),
        "lapsed": len(lapsed),
        "lapsedCharged": sum(lapsed.values()),
        "lapsedMost": max(lapsed.values(), default=0),
    }


def summary(load: Load, kills: Kills) -> dict[str, Any]:
    during = [e for e in load.exchanges if any(e.started < at < e.ended for at in kills.at)]
    return {
        "kills": len(kills.at),
        "phasesAtKill": kills.phases,
        "downSeconds": kills.down_s,
        "exchanges": len(load.exchanges),
        "byKind": dict(Counter(e.kind for e in load.exchanges)),
        "byStatus": {str(status): n for status, n in Counter(e.status for e in load.exchanges).items()},
        "byDecision": {str(decision): n for decision, n in Counter(e.decision for e in load.exchanges).items()},
        "inFlightAtKill": len(during),
        "inFlightByKind": dict(Counter(e.kind for e in during)),
        "incomplete": [vars(e) for e in load.exchanges if not e.whole][:20],
        "streamsWithVisibleUsage": sum(e.choiceless > 0 for e in load.exchanges),
    }
