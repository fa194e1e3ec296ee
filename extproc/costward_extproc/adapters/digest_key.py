"""The key of all digests: it names everything in the stores, so whoever has it could guess users and questions."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from costward_extproc.errors import SettingsError

_KEY_BYTES = 32
"""As many as the digest that it keys."""


def digest_key(path: Path) -> bytes:
    """32 random bytes that name everything in the stores; made once, readable by this user alone.

    Written whole before it has its name, so that neither a kill nor another worker ever sees a part of it. Raises
    SettingsError for a file that is no such key: a shorter one would be easy to guess.
    """
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        mend = "restore it, or remove it together with the other files of the state folder, which it names"
        raise SettingsError([f"{path} must hold {_KEY_BYTES} bytes and holds {len(key)}; {mend}"])
    return key
