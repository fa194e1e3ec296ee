"""Workers share one ledger file and die without warning: the cap holds, and the money they spent is charged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.core.ledger import Charge, Granted, Reservation, Settlement
from costward_extproc.errors import StoreFailure

LIMIT = 1_000
CHARGE = Charge("cap", Cap("cap", "Policy", "Day", MicroUSD(LIMIT)), None)

WORKER = """
import asyncio, sys
from pathlib import Path
from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.core.ledger import Charge, Granted, Reservation, Settlement
from costward_extproc.errors import StoreFailure

charge = Charge("cap", Cap("cap", "Policy", "Day", MicroUSD(1_000)), None)

async def reserve(ledger, asked):
    # Refused as busy while another holds the file: a caller may ask again, and the cap must hold all the same.
    while True:
        try:
            return await ledger.reserve(asked)
        except StoreFailure:
            await asyncio.sleep(0.05)

async def exchange(ledger, id):
    verdict = await reserve(ledger, Reservation(id, (charge,), MicroUSD(7), MicroUSD(1), 2e9))
    if isinstance(verdict, Granted):
        await asyncio.sleep(0)
        ledger.settle(Settlement(id, MicroUSD(7)))
    return isinstance(verdict, Granted) and not verdict.alone

async def hammer(path, name):
    ledger = SqliteLedger(Path(path), lambda: 1e9)
    granted = await asyncio.gather(*(exchange(ledger, f"{name}-{n}") for n in range(150)))
    ledger.close()
    print(sum(granted))

async def hold(path, name):
    ledger = SqliteLedger(Path(path), lambda: 1e9)
    await ledger.reserve(Reservation(name, (charge,), MicroUSD(500), MicroUSD(20), 1e9 + 60))
    ledger.renew(name, 123)
    await ledger.flush()
    ledger.renew(name, 456)
    print("held", flush=True)
    await asyncio.sleep(60)

asyncio.run({"hammer": hammer, "hold": hold}[sys.argv[1]](*sys.argv[2:]))
"""


def start(role: str, path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WORKER, role, str(path), name], stdout=subprocess.PIPE, text=True)


async def spent_and_reserved(ledger: SqliteLedger) -> tuple[int, int]:
    """As the file says."""
    (counter,) = await ledger.counters()
    return counter.spent, counter.reserved


@pytest.mark.slow
async def test_processes_together_never_pass_a_cap(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    workers = [start("hammer", path, f"w{n}") for n in range(3)]
    outputs = [(await asyncio.to_thread(worker.communicate, timeout=40))[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    granted = sum(int(output) for output in outputs)
    ledger = SqliteLedger(path, lambda: 1e9)
    spent, reserved = await spent_and_reserved(ledger)
    ledger.close()
    assert granted == LIMIT // 7
    # The last rest of a cap may go to one that is admitted alone; each costs 7 here, so spend ends within one of it.
    assert granted * 7 <= spent <= LIMIT + 6
    assert reserved == 0


async def test_two_ledgers_on_one_file_never_reserve_more_than_the_cap(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledgers = [SqliteLedger(path, lambda: 1e9) for _ in range(2)]

    async def reserve(n: int) -> bool:
        asked = Reservation(f"{n}", (CHARGE,), MicroUSD(7), MicroUSD(1), 2e9)
        while True:
            try:
                return isinstance(await ledgers[n % 2].reserve(asked), Granted)
            except StoreFailure:
                # On a slow disk one ledger's batch may keep the other waiting for longer than a request may wait.
                await asyncio.sleep(0.05)

    granted = sum(await asyncio.gather(*(reserve(n) for n in range(400))))
    assert granted == LIMIT // 7
    assert await spent_and_reserved(ledgers[0]) == (0, granted * 7)
    for n in range(400):
        ledgers[(n + 1) % 2].settle(Settlement(f"{n}", MicroUSD(2)))
    for ledger in ledgers:
        ledger.close()
    ledger = SqliteLedger(path, lambda: 1e9)
    assert await spent_and_reserved(ledger) == (granted * 2, 0)
    ledger.close()


@pytest.mark.slow
async def test_a_killed_process_is_charged_what_it_last_wrote_down(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    worker = start("hold", path, "w")
    assert worker.stdout is not None
    assert await asyncio.to_thread(worker.stdout.readline) == "held\n"
    worker.kill()
    worker.wait()
    worker.stdout.close()
    ledger = SqliteLedger(path, lambda: 1e9 + 61)
    assert await spent_and_reserved(ledger) == (0, 500)
    assert await ledger.sweep(1e9 + 61) == 1
    assert await spent_and_reserved(ledger) == (123, 0)
    ledger.close()
