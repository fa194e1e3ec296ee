"""`costward explain` beside a data plane that writes: by id or its beginning, or the last ones; nothing is touched."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from costward_cli.main import app
from costward_cli.problems import CliError
from costward_extproc.adapters.sqlite_records import SqliteRecords
from costward_extproc.core.record import Record
from typer.testing import CliRunner

from tests.fakes.records import ROUTED

IDS = ("aaaa1111", "aaaa2222", "bbbb3333", "bbbb3333ff")


def write(records: SqliteRecords, *ids: str) -> None:
    for number, id in enumerate(ids):
        records.write(replace(ROUTED, id=id, cost=number))


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """A state folder whose data plane has ended."""
    records = SqliteRecords(tmp_path / "records.sqlite", None)
    write(records, *IDS)
    records.close()
    return tmp_path


def explain(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["explain", *words, "--state-dir", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def explained(folder: Path, *words: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(explain(folder, *words, "--json"))
    return record


def as_json(record: Record) -> Any:
    return json.loads(json.dumps(asdict(record)))


def test_an_id_gives_its_whole_record(ended: Path) -> None:
    assert explained(ended, "aaaa1111") == as_json(replace(ROUTED, id="aaaa1111", cost=0))


def test_a_unique_beginning_is_enough(ended: Path) -> None:
    assert explained(ended, "aaaa2")["id"] == "aaaa2222"


def test_a_whole_id_wins_over_a_longer_one(ended: Path) -> None:
    assert explained(ended, "bbbb3333")["id"] == "bbbb3333"


def test_an_ambiguous_beginning_names_the_candidates(ended: Path) -> None:
    with pytest.raises(CliError, match=r"aaaa2222, aaaa1111\n.*more of the id"):
        explain(ended, "aaaa")


@pytest.mark.parametrize("unknown", ["cccc", "%", "aaaa_111", "AAAA1111"])
def test_an_unknown_id_says_where_to_look(ended: Path, unknown: str) -> None:
    with pytest.raises(CliError, match=r"no record in .*\n.*costward explain --last"):
        explain(ended, unknown)


def test_no_id_at_all_says_where_ids_are() -> None:
    with pytest.raises(CliError, match="x-costward-request-id"):
        explain(Path())


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"no records in .*\n.*--state-dir"):
        explain(tmp_path, "aaaa")
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_for_people(ended: Path) -> None:
    page = explain(ended, "aaaa1111")

    assert "rule[0] chose rung small" in page
    assert [name for name in ("decision", "cache", "route", "caps", "money", "timings") if name not in page] == []


def test_the_last_are_listed_newest_first(ended: Path) -> None:
    lines = explain(ended, "--last", "2", "--json").splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["bbbb3333ff", "bbbb3333"]
    assert "aaaa1111" in explain(ended, "--last")


@pytest.mark.parametrize("count", ["0", "many", "1000000"])
def test_a_count_that_is_none_is_refused(ended: Path, count: str) -> None:
    with pytest.raises(CliError, match="--last"):
        explain(ended, "--last", count)


def test_a_running_data_plane_is_read_and_not_disturbed(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.sqlite", None)
    try:
        write(records, "aaaa1111")
        while not explain(tmp_path, "--last", "--json"):
            pass
        write(records, "bbbb2222")
    finally:
        records.close()

    assert explained(tmp_path, "bbbb2222")["id"] == "bbbb2222"


def test_looking_leaves_no_file_behind(ended: Path) -> None:
    before = sorted(os.listdir(ended))

    explain(ended, "--last")

    assert sorted(os.listdir(ended)) == before


@pytest.mark.parametrize("damage", ["another version", "no database", "another record", "no JSON"])
def test_a_file_that_cannot_be_read_is_not_guessed_at(ended: Path, damage: str) -> None:
    path = ended / "records.sqlite"
    if damage == "no database":
        path.write_bytes(b"no database " * 100)
    else:
        with sqlite3.connect(path) as db:
            json = "{" if damage == "no JSON" else "{}"
            db.execute("PRAGMA user_version=99" if damage == "another version" else f"UPDATE record SET json='{json}'")
        db.close()

    with pytest.raises(CliError, match="how to mend"):
        explain(ended, "--last")


def test_half_a_surrogate_pair_in_a_model_name_is_shown_as_it_can_be(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.sqlite", None)
    records.write(replace(ROUTED, asked_model="gpt-\ud800"))
    records.close()

    assert explained(tmp_path, ROUTED.id)["asked_model"] == "gpt-?"
