"""A fake API server, and a client of it that does not wait between tries."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from costward_operator.adapters.access import Access
from costward_operator.adapters.kube import Kube, session

from tests.fakes.apiserver import ApiServer, serving


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with serving(ApiServer()) as server:
        yield server


@pytest.fixture
def access(api: ApiServer, tmp_path: Path) -> Access:
    token = tmp_path / "token"
    token.write_text("good\n")
    return Access(api.url, token, None, time.monotonic)


@pytest.fixture
def waits() -> list[float]:
    """How long the client wanted to wait, each time."""
    return []


@pytest.fixture
async def kube(access: Access, waits: list[float]) -> AsyncIterator[Kube]:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with session(access) as http:
        yield Kube(http, access, sleep, lambda: 0.5)
