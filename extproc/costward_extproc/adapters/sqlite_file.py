"""Opens a SQLite file that must be usable, whatever an earlier process, disk or version left behind.

A damaged or foreign file is moved aside, never repaired and never deleted: the service starts clean and says so. What
only an operator can mend (no room, no right to write) is an error that names the folder and the remedy.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Timer

from costward_extproc.errors import SettingsError

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 100
"""Other workers hold the write lock for one group commit, a few milliseconds. Half of the time that a request may take
is kept for answering it without the store; work that nobody waits for is tried again (see sqlite_thread.py)."""

CHECK_S = 0.3
"""How long a start may look for damaged pages, about 100 MB of file. Damage is found so while files are small; beyond
that a start without traffic costs more than it finds: rows of the cache carry checksums, and a damaged page of the
ledger is a failure when it is read."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REMEDIES = {
    "read-only": "mount a writable volume there, or choose another folder for the state",
    "disk-full": "free space or enlarge the volume",
}


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one file. A file of another version is not migrated: it is moved aside."""

    version: int
    ddl: str


def word_of(error: BaseException) -> str:
    """A metric label for an error of SQLite; never its text, which may quote values."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _WORDS.get(code & 0xFF, "sqlite")
    return "sqlite" if isinstance(error, sqlite3.Error) else type(error).__name__


_WORDS = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "disk-full",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_PERM: "read-only",
    sqlite3.SQLITE_CANTOPEN: "read-only",
    sqlite3.SQLITE_NOMEM: "no-memory",
}


def open_file(path: Path, schema: Schema) -> tuple[sqlite3.Connection, Path | None]:
    """A connection in autocommit mode, and where a damaged file went.

    Raises SettingsError if the folder cannot be written. Workers that start together take turns, so that one moves a
    damaged file and the others find the clean one.
    """
    try:
        _make_folder(path.parent)
        with _turn(path):
            return _open_or_replace(path, schema)
    except OSError as error:
        word = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "read-only"
        raise _unusable(path, word, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        raise _unusable(path, word_of(error), str(error)) from error


def _open_or_replace(path: Path, schema: Schema) -> tuple[sqlite3.Connection, Path | None]:
    connection, flaw = _try_open(path, schema)
    if connection is not None:
        return connection, None
    aside = _move_aside(path)
    logger.warning("%s is unusable (%s): moved to %s, starting with an empty one", path, flaw, aside.name)
    connection, flaw = _try_open(path, schema)
    if connection is None:
        raise sqlite3.DatabaseError(f"a new file is unusable too: {flaw}")
    return connection, aside


def _try_open(path: Path, schema: Schema) -> tuple[sqlite3.Connection | None, str]:
    """A connection, or what is wrong with the file. Raises what replacing the file would not mend."""
    _create(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        flaw = _prepare(connection, schema)
    except sqlite3.DatabaseError as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            return None, word_of(error)
        raise
    if flaw:
        connection.close()
        return None, flaw
    return connection, ""


def _prepare(connection: sqlite3.Connection, schema: Schema) -> str:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    # No mapping of the file (SQLite's mmap_size): it reads no faster here, and every mapped page counts as ours.
    connection.execute("PRAGMA journal_mode=WAL")
    # The system caches the file already; SQLite's own cache of it would come on top, 2 MB for each of our files.
    connection.execute("PRAGMA cache_size=-512")
    # NORMAL syncs at checkpoints only: a killed process loses nothing, a power cut the last commits, and no commit
    # waits for the disk. Both ends of that bargain suit counters that a provider's invoice can correct.
    connection.execute("PRAGMA synchronous=NORMAL")
    # What is forgotten is overwritten, not merely unlinked: answers and questions may be somebody's to erase.
    connection.execute("PRAGMA secure_delete=ON")
    if is_damaged(connection):
        return "damaged pages"
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and version != schema.version:
        return f"schema version {version}, not {schema.version}"
    connection.executescript(
        f"BEGIN IMMEDIATE; {schema.ddl}; PRAGMA user_version={schema.version}; COMMIT; PRAGMA optimize;"
    )
    return ""


def is_damaged(connection: sqlite3.Connection, check: str = "PRAGMA quick_check(1)") -> bool:
    """As far as could be read within CHECK_S. Not by a progress handler: SQLite checks a whole tree between two calls
    of it."""
    over = Event()

    def end() -> None:
        over.set()
        connection.interrupt()

    timer = Timer(CHECK_S, end)
    timer.start()
    try:
        (word,) = connection.execute(check).fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return False
    finally:
        # It must not interrupt what comes after the check.
        timer.cancel()
        timer.join()
    return word != "ok" and not over.is_set()


def _make_folder(folder: Path) -> None:
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for created in reversed(missing):
        created.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _create(path: Path) -> None:
    """Readable by its owner alone, as are then the files that SQLite puts beside it. An existing file is not touched:
    closing it here would end the locks that other connections of this process hold on it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _move_aside(path: Path) -> Path:
    aside = next(p for n in count(1) if not (p := path.with_name(f"{path.name}.corrupt-{n}")).exists())
    for suffix in ("-wal", "-shm", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    return aside


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    with open(path.with_name(path.name + ".lock"), "a", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unusable(path: Path, word: str, why: str) -> SettingsError:
    remedy = _REMEDIES.get(word, "check the volume, or move the file away to start with an empty one")
    return SettingsError([f"state file {path} cannot be used ({why}): {remedy}"])
