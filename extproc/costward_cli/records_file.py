"""The records of a state folder, read beside the data plane that writes them.

Opened read-only: looking must never create, lock or migrate what another process owns.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from costward_extproc.adapters.sqlite_records import RECORDS_SCHEMA
from costward_extproc.core.record import Record
from pydantic import TypeAdapter

from costward_cli.problems import CliError

FILE_NAME = "records.sqlite"

_BUSY_SECONDS = 2.0
"""A checkpoint of the writer takes milliseconds."""

_IDS_PER_QUERY = 500
"""Below the 999 parameters that the oldest SQLite in use takes."""

_RECORD = TypeAdapter(Record)


class RecordsFile:
    """Every method raises CliError where the file is absent, damaged or of another version."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME

    def starting_with(self, prefix: str, limit: int) -> list[Record]:
        """The newest records whose id begins so, an exact match alone."""
        with self._open() as db:
            # A range instead of LIKE: it uses the index, and no character of the prefix is special in it.
            rows = db.execute(
                "SELECT json FROM record WHERE id >= ? AND id < ? ORDER BY seq DESC LIMIT ?",
                (prefix, f"{prefix}\U0010ffff", limit),
            )
            found = [self._record(line) for (line,) in rows]
        exact = [record for record in found if record.id == prefix]
        return exact[:1] or found

    def last(self, count: int) -> list[Record]:
        """Newest first."""
        with self._open() as db:
            rows = db.execute("SELECT json FROM record ORDER BY seq DESC LIMIT ?", (count,))
            return [self._record(line) for (line,) in rows]

    def of(self, ids: Iterable[str]) -> dict[str, Record]:
        """Those of these records that are there, by id."""
        wanted = list(ids)
        found: dict[str, Record] = {}
        with self._open() as db:
            for start in range(0, len(wanted), _IDS_PER_QUERY):
                part = wanted[start : start + _IDS_PER_QUERY]
                marks = ", ".join("?" * len(part))
                for (line,) in db.execute(f"SELECT json FROM record WHERE id IN ({marks})", part):
                    record = self._record(line)
                    found[record.id] = record
        return found

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self._path.is_file():
            mend = "name the folder that the stack was started with: --state-dir"
            raise CliError(f"there are no records in {self._path.parent}", mend=mend)
        try:
            db = sqlite3.connect(self._address(), uri=True, timeout=_BUSY_SECONDS)
            with contextlib.closing(db):
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version != RECORDS_SCHEMA.version:
                    raise self._foreign()
                yield db
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # The second where a damaged file puts bytes that are no text into SQLite's own words.
            mend = "check that the folder is readable; a damaged file is moved aside when the data plane starts again"
            raise CliError(f"{self._path} cannot be read: {error}", mend=mend) from error

    def _address(self) -> str:
        """Without a write-ahead log nobody has the file open: `immutable` then reads it even where the folder may not
        be written, and leaves no log of its own behind."""
        has_writer = self._path.with_name(f"{self._path.name}-wal").exists()
        return f"{self._path.absolute().as_uri()}?mode=ro{'' if has_writer else '&immutable=1'}"

    def _record(self, line: str) -> Record:
        try:
            # By way of bytes, because a caller's model name may hold half of a surrogate pair, which text cannot.
            plain = json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace")
            return _RECORD.validate_json(plain)
        except (TypeError, ValueError, RecursionError) as error:
            # Also what pydantic finds: its ValidationError is a ValueError.
            raise self._foreign() from error

    def _foreign(self) -> CliError:
        mend = "use the `costward` of the same version as the data plane that wrote it"
        return CliError(f"{self._path} was written by another version of Costward", mend=mend)
