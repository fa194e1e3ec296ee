"""istiod killed while policies change: what is changed comes into force and is told all the same, for proxies keep what
istiod gave them, and data planes have nothing to do with it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import LARGE, SMALL, governing, started
from tests.cluster.bench.mesh import Mesh
from tests.cluster.bench.policies import condition, until_true
from tests.fakes.fault_rows import Row

ISTIOD_AUDIENCE = "istio-ca"


@pytest.mark.fault("O2", "istiod killed while a policy changes")
async def test_istiod_is_down(api: Api, mesh: Mesh, tmp_path: Path, row: Row) -> None:
    token = tmp_path / "istio-token"
    token.write_text("none yet")

    def prepared() -> None:
        token.write_text(api.token_for("costward-operator", ISTIOD_AUDIENCE))

    proven_by = {"COSTWARD_ISTIOD_URL": mesh.debug_url, "COSTWARD_ISTIOD_TOKEN_FILE": str(token)}
    async with governing(api, tmp_path, prepared, **proven_by) as case, case.plane.asked(row, SMALL, LARGE):
        mesh.istiod.signal(signal.SIGKILL)
        try:
            began = time.monotonic()
            await case.changes_in()
            row.recovery_s = time.monotonic() - began
            await until_true(lambda: _is_told(api.get("costpolicy", "bot")))
            # Without a look at the proxies nothing is called proven.
            assert condition(api.get("costpolicy", "bot"), "Programmed") == "False/Unproven"
        finally:
            await started(mesh.istiod)
        assert await case.changes_in(SMALL) < 10
        assert case.kubelet.starts == 1
    row.said = "the change is in force while istiod is down"


def _is_told(bot: dict[str, Any]) -> bool:
    told = bot["status"]["observedGeneration"] == bot["metadata"]["generation"]
    return bool(told) and condition(bot, "Programmed") != "False/Pending"
