"""Decision records reach the log and the file, and no stall of either reaches the caller."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from costward_extproc.adapters import sqlite_records
from costward_extproc.adapters.line_writer import LineWriter
from costward_extproc.adapters.sqlite_records import SqliteRecords
from costward_extproc.core.money import Usage
from costward_extproc.core.record import Attempt, CacheNote, CapNote, Inputs, Record, RouteNote

RECORD = Record(
    id="x1",
    at=1_000_000.25,
    cluster="c",
    workload="ns/bot",
    policy="ns/p",
    generation=1,
    snapshot="sha256:0",
    dialect="openai.chat",
    asked_model="auto",
    served_model="gpt-5-mini",
    rung="small",
    tenant="ns",
    user="d1",
    tier="free",
    session=None,
    decision="route",
    reason="alias",
    owner="team",
    task=None,
    cache=CacheNote("miss", score=0.5),
    route=RouteNote("r", "small", True),
    inputs=Inputs(tokens=12, neighbour_scores=(0.25, 0.5)),
    caps=(CapNote("free/User/Day", 500_000, 1, 2, 1_086_400),),
    attempts=(Attempt("gpt-5-mini", 200),),
    usage=Usage(12, 30),
    price_source="catalogue",
    reserved=100,
    cost=63,
    baseline=400,
    end="complete",
    status=200,
)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def records(tmp_path: Path, out: io.StringIO) -> AsyncIterator[SqliteRecords]:
    records = SqliteRecords(tmp_path / "records.sqlite", out)
    yield records
    records.close()


async def rows(records: SqliteRecords) -> list[dict[str, Any]]:
    """All that is kept, oldest first."""
    return await records.database.read(
        lambda db: [json.loads(line) for (line,) in db.execute("SELECT json FROM record ORDER BY seq")]
    )


async def test_a_record_is_one_line_and_one_row(records: SqliteRecords, out: io.StringIO) -> None:
    records.write(RECORD)
    records.write(replace(RECORD, id="x2"))
    found, other = await rows(records)
    assert (found["id"], other["id"]) == ("x1", "x2")
    assert found["decision"] == "route"
    assert found["inputs"]["neighbour_scores"] == [0.25, 0.5]
    assert found["caps"][0]["id"] == "free/User/Day"
    records.close()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["id"] for line in lines] == ["x1", "x2"]
    assert lines[0] == found


async def test_columns_serve_the_books(records: SqliteRecords) -> None:
    records.write(RECORD)
    row = await records.database.read(
        lambda db: db.execute("SELECT id, at, policy, decision, cost, baseline FROM record").fetchone()
    )
    assert row == ("x1", 1_000_000.25, "ns/p", "route", 63, 400)


@pytest.mark.parametrize("model", ["half a pair \ud800", 'quoted "\n\x00', "模型"])
async def test_no_model_name_breaks_a_record(records: SqliteRecords, out: io.StringIO, model: str) -> None:
    records.write(replace(RECORD, asked_model=model, inputs=Inputs(tokens=2**70)))
    (found,) = await rows(records)
    assert found["asked_model"] == model
    records.close()
    assert len(out.getvalue().splitlines()) == 1


async def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    count = 2 * sqlite_records.PRUNE_EVERY
    records = SqliteRecords(tmp_path / "records.sqlite", None, max_rows=25)
    for n in range(count):
        records.write(replace(RECORD, id=f"{n}"))
    kept = [record["id"] for record in await rows(records)]
    assert kept == [f"{n}" for n in range(count - 25, count)]
    records.close()


async def test_records_survive_a_restart(records: SqliteRecords) -> None:
    records.write(RECORD)
    records.close()
    again = SqliteRecords(records.database.path, None)
    assert [record["id"] for record in await rows(again)] == ["x1"]
    again.close()


async def test_a_stalled_disk_drops_rows_not_lines_and_delays_nobody(records: SqliteRecords, out: io.StringIO) -> None:
    count = sqlite_records.MAX_BACKLOG + 1_000
    lock = sqlite3.connect(records.database.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    slowest = 0.0
    for n in range(count):
        start = time.perf_counter()
        records.write(replace(RECORD, id=f"{n}"))
        slowest = max(slowest, time.perf_counter() - start)
    assert slowest < 20, "a writer that waited for the stall would have waited for ever"
    lock.execute("ROLLBACK")
    lock.close()
    assert records.dropped_rows >= 500
    dropped = records.dropped_lines
    records.close()
    assert len(out.getvalue().splitlines()) == count - dropped


def test_a_stalled_log_drops_lines_and_delays_nobody() -> None:
    read, write = os.pipe()
    with open(read) as reader, ThreadPoolExecutor() as pool:
        with open(write, "w") as stalled:
            lines = LineWriter(stalled, max_waiting=10)
            slowest = 0.0
            for n in range(200):
                start = time.perf_counter()
                lines.write(f"{n} " + "x" * 100_000)
                slowest = max(slowest, time.perf_counter() - start)
            assert slowest < 20, "a writer that waited for the stall would have waited for ever"
            assert lines.dropped >= 150
            rest = pool.submit(reader.readlines)
            lines.close()
        written = [int(line.split()[0]) for line in rest.result()]
    assert written[:3] == [0, 1, 2]
    assert written == sorted(written)
    assert len(written) == 200 - lines.dropped


def test_a_closed_log_is_counted() -> None:
    out = io.StringIO()
    out.close()
    lines = LineWriter(out)
    lines.write("a")
    lines.close()
    assert lines.dropped == 1
