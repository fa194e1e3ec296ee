"""Two workers on one cache file: what one stored serves the other once it has looked again."""

from __future__ import annotations

from pathlib import Path

from costward_extproc.adapters.sqlite_cache import FRESH_S, SqliteCache
from costward_extproc.cache.entries import Entry

NOW = 1_800_000_000.0
ENTRY = Entry("e", "p", "k", "team/bot", "text", b"{}", "gpt-5", None, 1, NOW, NOW + 3600)


async def test_an_entry_of_another_worker_is_found_after_a_look(tmp_path: Path) -> None:
    one, other = (SqliteCache(tmp_path / "cache.sqlite", lambda: NOW) for _ in range(2))
    assert await other.exact("p", "k", NOW) is None
    one.put(ENTRY)
    assert await one.exact("p", "k", NOW) is not None, "its own is known at once"
    found = await other.exact("p", "k", NOW + 2 * FRESH_S)
    assert found is not None
    assert found.answer == b"{}"
    one.close()
    other.close()
