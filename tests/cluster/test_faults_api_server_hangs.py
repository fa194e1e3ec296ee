"""A kube-apiserver that hangs: data planes decide on as before, and what is changed after it is in force soon."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.governed import SMALL, governing
from tests.fakes.fault_rows import Row

HANGS_S = 7.0
"""Less than the ten seconds in which a lease must be renewed. For longer the operator cannot know whether it still
leads, and ends: that is the same as a restart, and takes as long as a lease does."""


@pytest.mark.fault("O2", "a real API server that hangs for 7 s")
async def test_an_api_server_that_hangs(api: Api, tmp_path: Path, control_plane: ControlPlane, row: Row) -> None:
    async with governing(api, tmp_path) as case:
        async with case.plane.asked(row, SMALL):
            control_plane.api_server.signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(HANGS_S)
            finally:
                control_plane.api_server.signal(signal.SIGCONT)
        row.recovery_s = await case.changes_in()
    assert case.kubelet.starts == 1
    row.said = "the same leader goes on"
