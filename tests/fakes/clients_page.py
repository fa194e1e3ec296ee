"""The table of docs/clients.md: how often each client calls before it gives up."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"


def calls(client: str) -> tuple[int, int]:
    """Of `openai-python chat` and the like: where a cap is spent, and where the provider itself answers 429."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and cells[0].replace("`", "") == client:
            return int(cells[6]), int(cells[7])
    raise AssertionError(f"{PAGE.name} has no row for {client!r}")
