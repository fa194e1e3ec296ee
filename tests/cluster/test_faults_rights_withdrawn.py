"""The operator's rights withdrawn while it runs, and it started anew without them: nothing that was in force is taken
away, and with the rights come the changes."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import LARGE, SMALL, governing
from tests.fakes.fault_rows import Row

WITHOUT_S = 6.0
"""The new process is up after one, and asks again every five."""


@pytest.mark.fault("O2", "the operator's rights withdrawn, and it restarted without them")
async def test_rights_that_are_withdrawn(api: Api, tmp_path: Path, row: Row) -> None:
    async with governing(api, tmp_path) as case:
        binding = _binding(api)
        async with case.plane.asked(row, SMALL):
            api.kubectl("delete", "clusterrolebinding", binding["metadata"]["name"])
            case.operator.process.signal(signal.SIGKILL)
            await case.change(LARGE)
            await asyncio.sleep(WITHOUT_S)
            # What was not seen is not believed to be gone.
            assert await case.plane.model() == SMALL
        began = time.monotonic()
        await asyncio.to_thread(api.apply, binding)
        await case.plane.until(LARGE)
        row.recovery_s = time.monotonic() - began
    row.said = "the stored snapshot stays in force"


def _binding(api: Api) -> dict[str, Any]:
    """The operator's, as it could be applied anew."""
    subject = ("costward-operator", api.namespace)
    for one in api.items("clusterrolebinding"):
        if subject in {(each["name"], each.get("namespace")) for each in one.get("subjects", ())}:
            names = {key: one["metadata"][key] for key in ("name", "labels", "annotations") if key in one["metadata"]}
            return {key: one[key] for key in ("apiVersion", "kind", "roleRef", "subjects")} | {"metadata": names}
    raise AssertionError("the chart binds no cluster role to the operator")
