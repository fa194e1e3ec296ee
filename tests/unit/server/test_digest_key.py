"""The key that names everything in the stores is made whole, once, for this user alone; anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from costward_extproc.adapters.digest_key import digest_key
from costward_extproc.errors import SettingsError


def test_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "digest.key"
    key = digest_key(path)
    assert len(key) == 32
    assert digest_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["digest.key"]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 65])
def test_a_torn_or_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "digest.key").write_bytes(content)
    with pytest.raises(SettingsError, match="must hold 32 bytes"):
        digest_key(tmp_path / "digest.key")
