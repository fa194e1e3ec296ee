"""The operator's token is no good any more: data planes decide on as before, and a new one in the file is enough."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import SMALL, governing, until_logged
from tests.fakes.fault_rows import Row

BEFORE_RENEWED_S = 3.0
"""The kubelet writes a new token long before the old one ends; a clock that is wrong makes it late."""


@pytest.mark.fault("O2", "the operator's token expired, and renewed 3 s later")
async def test_a_token_that_expired(api: Api, tmp_path: Path, row: Row) -> None:
    token = tmp_path / "bound-token"
    # Bound to a Secret, so that it ends when the Secret does: the shortest life that may be asked for is ten minutes.
    api.kubectl("create", "secret", "generic", "life")
    token.write_text("none yet")
    async with governing(
        api, tmp_path, COSTWARD_KUBE_TOKEN_FILE=str(token), prepared=lambda: _bind(api, token)
    ) as case:
        async with case.plane.asked(row, SMALL):
            await asyncio.to_thread(api.kubectl, "delete", "secret", "life")
            # The API server believes a token that it has seen for ten more seconds.
            await until_logged(case.operator, "401")
            await asyncio.sleep(BEFORE_RENEWED_S)
            token.write_text(await asyncio.to_thread(api.token_for, "costward-operator"))
        row.recovery_s = await case.changes_in()
    assert case.kubelet.starts == 1


def _bind(api: Api, token: Path) -> None:
    bound = ("--bound-object-kind=Secret", "--bound-object-name=life")
    token.write_text(api.kubectl("create", "token", "costward-operator", *bound).strip())
