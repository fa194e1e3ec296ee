"""What people and older versions leave for us: settings, request logs, and the file of records."""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from costward_cli.problems import CliError
from costward_cli.records_file import FILE_NAME, RecordsFile
from costward_cli.replay.log import BadLine, parse_lines
from costward_extproc.adapters.sqlite_records import RECORDS_SCHEMA, encode
from costward_extproc.core.record import Record
from costward_extproc.errors import SettingsError
from costward_extproc.settings import Settings
from hypothesis import strategies as st

from tests.fakes.records import ROUTED
from tests.fuzz.inputs import changed, changed_often, odd_json
from tests.fuzz.seeds import CHAT_REQUESTS, plain
from tests.fuzz.target import Target, has_words

# ---- settings: lines of NAME=VALUE ----

_PARTS = (
    b"COSTWARD_SOCKET=run/a.sock\nCOSTWARD_POLICY_FILE=p.yaml\nCOSTWARD_STATE_DIR=state\nCOSTWARD_ADMIN_PORT=9901",
    b"COSTWARD_WORKLOAD=a/b/c\nCOSTWARD_LEASE_SECONDS=3\nCOSTWARD_DEADLINE_SECONDS=0.2\nCOSTWARD_WORKERS=2",
    b"COSTWARD_SOCKET=" + b"s" * 120 + b"\nCOSTWARD_WORKER=1\nCOSTWARD_SUPERVISOR=12\nCOSTWARD_DRAIN_SECONDS=1e3",
)
_ENVIRONMENT = (*_PARTS, b"\n".join(_PARTS[:2]))
_VALUES = (
    b"inf",
    b"nan",
    b"-1",
    b"1_0",
    "²".encode(),
    "٣".encode(),
    b"0",
    b"65536",
    b"//",
    b" 1",
    b"1e400",
    b"0x1",
    b"",
)


def check_settings(data: bytes) -> None:
    text = data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    environ = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
    try:
        settings = Settings.from_env(environ)
    except SettingsError as problem:
        has_words(problem)
        return
    assert 0 <= settings.admin_port < 65_536
    assert settings.workers >= 1
    assert 0 < settings.lease_s < 86_400
    assert 0 < settings.deadline_s < 86_400
    assert len(os.fsencode(settings.socket)) <= 107


# ---- a request log ----

_LOG = (
    *(plain(request) for request in CHAT_REQUESTS),
    b'{"text": "When?", "label": 3, "headers": {"X-User-Id": "a", "host": "b"}}\n\n{"request": {"messages": []}}',
)


def check_log(data: bytes) -> None:
    lines = data.split(b"\n")
    items = list(parse_lines(lines, "gpt-5-mini"))
    assert len(items) == sum(bool(line.strip()) for line in lines), "a line is missing"
    for item in items:
        if isinstance(item, BadLine):
            assert item.why.isprintable()
            continue
        body = json.loads(item.body)
        assert body["messages"]
        assert "model" in body
        assert all(name.isascii() and value.isprintable() for name, value in item.headers.items())


# ---- the file of records ----

_RECORD = dataclasses.asdict(ROUTED)
_FOLDER = tempfile.TemporaryDirectory(prefix="costward-fuzz-")
atexit.register(_FOLDER.cleanup)
_DDL = f"PRAGMA user_version={RECORDS_SCHEMA.version}; {RECORDS_SCHEMA.ddl};"
_INSERT = "INSERT INTO record (id, at, policy, decision, cost, baseline, json) VALUES ('a', 1, 'p', 'pass', 0, 0, ?)"


def _file(name: str, line: bytes) -> Path:
    """A folder with a file of records that holds this one, whether it is one or not."""
    folder = Path(_FOLDER.name) / name
    folder.mkdir(exist_ok=True)
    path = folder / FILE_NAME
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA page_size=512; PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; {_DDL}")
        db.execute(_INSERT.replace("?", "CAST(? AS TEXT)"), (line,))
    return folder


def check_record(data: bytes) -> None:
    """The input is the JSON of one row."""
    _read(RecordsFile(_file("record", data)))


def check_records_file(data: bytes) -> None:
    """The input is the file itself."""
    folder = Path(_FOLDER.name) / "whole"
    folder.mkdir(exist_ok=True)
    (folder / FILE_NAME).write_bytes(data)
    _read(RecordsFile(folder))


def _read(records: RecordsFile) -> None:
    reads: tuple[Callable[[], list[Record]], ...] = (
        lambda: records.last(5),
        lambda: records.starting_with("a", 5),
        lambda: list(records.of("ab").values()),
    )
    for read in reads:
        try:
            found = read()
        except CliError as problem:
            has_words(problem)
            continue
        for record in found:
            assert json.loads(encode(record))


_ROWS = (encode(ROUTED).encode(),)
_WHOLE = (_file("seed", _ROWS[0]) / FILE_NAME).read_bytes()

TARGETS = (
    Target("settings", check_settings, changed(_ENVIRONMENT, _VALUES), _ENVIRONMENT),
    Target("replay-log", check_log, changed_often(odd_json(list(CHAT_REQUESTS)), _LOG, (b"\n", b"\r\n", b"NaN")), _LOG),
    Target("record", check_record, changed_often(odd_json([_RECORD]), _ROWS), _ROWS, grows=False),
    Target("records-file", check_records_file, st.just(_WHOLE) | changed((_WHOLE,)), (_WHOLE, b""), grows=False),
)
