"""A kube-apiserver that is killed and started again: data planes decide on as before, and the operator finds its way
back."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.governed import SMALL, governing, started
from tests.fakes.fault_rows import Row


@pytest.mark.fault("O2", "a real API server that is killed and started again")
async def test_an_api_server_that_is_killed(api: Api, tmp_path: Path, control_plane: ControlPlane, row: Row) -> None:
    async with governing(api, tmp_path) as case:
        async with case.plane.asked(row, SMALL):
            control_plane.api_server.signal(signal.SIGKILL)
            await started(control_plane.api_server)
        row.recovery_s = await case.changes_in()
        row.said = "the same leader goes on" if case.kubelet.starts == 1 else "after its lease another leads"
