"""A data plane that refuses what it is sent: the others go on with the new, and the policy's status names it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryStub

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import LARGE, SMALL, Case, governing
from tests.cluster.bench.policies import condition, until_true
from tests.fakes.fault_rows import Row


@pytest.mark.fault("O4", "a data plane that refuses every snapshot")
async def test_a_data_plane_that_refuses(api: Api, tmp_path: Path, row: Row) -> None:
    async with governing(api, tmp_path) as case, case.plane.asked(row, SMALL, LARGE):
        async with _refusing(case):
            await case.changes_in()
            await until_true(lambda: _says(api, "Programmed") == "False/RejectedByDataPlane")
            assert _says(api, "Degraded") == "True/RejectedByDataPlane"
            assert "stubborn" in str(api.get("costpolicy", "bot")["status"])
        began = time.monotonic()
        await until_true(lambda: _says(api, "Degraded") == "False/Healthy")
        row.recovery_s = time.monotonic() - began
    row.said = "from when it left; the other data plane has the change at once"


def _says(api: Api, type: str) -> str:
    return condition(api.get("costpolicy", "bot"), type)


@asynccontextmanager
async def _refusing(case: Case) -> AsyncIterator[None]:
    """Connected until the end."""
    source = case.installed.source(case.operator.address, "stubborn")
    credentials, metadata = source.credentials()
    async with grpc.aio.secure_channel(source.address, credentials, source.options([])) as channel:
        call = DeliveryStub(channel).Follow(metadata=metadata)
        await call.write(wire.Told(hello=wire.Hello(node="stubborn", version="0", reads_schema=1)))
        refusing = asyncio.create_task(_refuse(call))
        try:
            yield
        finally:
            refusing.cancel()
            call.cancel()


async def _refuse(call: grpc.aio.StreamStreamCall[wire.Told, wire.Update]) -> None:
    async for update in call:
        await call.write(wire.Told(nack=wire.Nack(hash=update.hash, reason="it is of another mind")))
