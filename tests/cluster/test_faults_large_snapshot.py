"""A snapshot of two megabytes, which no ConfigMap holds: data planes get it, and one that starts while the operator is
away begins with its stored pieces."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import string
import time
from pathlib import Path
from typing import Any

import pytest
from costward_contract.chunks import INDEX, INDEX_KEY, PIECE_KEY, piece_name, read_index
from costward_extproc import control_plane

from tests.cluster.bench.api import Api
from tests.cluster.bench.governed import LARGE, SMALL, Case, governed, governing, policy
from tests.fakes.fault_rows import Row

POLICIES = 14
"""Of 16 tiers with 16 texts each, as many as a policy may have: 1.9 MB, and 1.4 MB as they are stored."""
WITHIN_S = 30.0
"""The pieces are stored within a second on an idle machine."""


@pytest.mark.fault("O4", "a snapshot of 2 MB, and a data plane's cold start from its stored pieces")
async def test_a_large_snapshot(api: Api, tmp_path: Path, row: Row) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    async with governing(api, tmp_path) as case:
        async with case.plane.asked(row, SMALL, LARGE):
            await asyncio.to_thread(api.apply, *_large(api.namespace))
            row.recovery_s = await case.changes_in()
            pieces = await _mount(case, mounted)
        assert pieces >= 2
        began = time.monotonic()
        nowhere = {control_plane.COLD_START: str(mounted), control_plane.ADDRESS: "127.0.0.1:1"}
        async with governed(case.installed, case.operator.address, api, **nowhere) as cold:
            assert await cold.model() == LARGE
            row.said = f"{pieces} pieces; a cold start from them takes {time.monotonic() - began:.1f} s"


def _large(namespace: str) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [_with_texts(policy(namespace, name=f"large-{number}"), chance) for number in range(POLICIES)]


def _with_texts(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    body["spec"]["identity"] = {"tier": {"header": "x-tier", "default": "t0", "trustedFrom": ["web"]}}
    body["spec"]["workloads"] = {"serviceAccounts": ["nobody"]}
    body["spec"]["tiers"] = [
        {
            "name": f"t{tier}",
            "caps": [{"per": "Workload", "window": "Day", "limitUSD": "5"}],
            "ladder": [{"at": f"{step + 1}%", "action": "Message", "text": _text(chance)} for step in range(16)],
        }
        for tier in range(16)
    ]
    return body


def _text(chance: random.Random) -> str:
    """That hardly compresses."""
    return "".join(chance.choices(string.ascii_letters + string.digits, k=500))


def _published(case: Case) -> str:
    """The first characters of the newest hash."""
    return str(re.findall(r"published (sha256:\w+)", case.operator.process.log.read_text())[-1])


async def _mount(case: Case, folder: Path) -> int:
    """The stored snapshot, once it is the one in force, as the kubelet would have mounted it; in how many pieces."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            index = await asyncio.to_thread(case.api.get, "configmap", INDEX)
            current = read_index(index["data"][INDEX_KEY]).current
            if current is not None and current.hash.startswith(_published(case)):
                break
            await asyncio.sleep(0.2)
    (folder / INDEX).write_text(index["data"][INDEX_KEY])
    for number in range(current.chunks):
        name = piece_name(current.slot, number)
        held = await asyncio.to_thread(case.api.get, "configmap", name)
        (folder / name).write_bytes(base64.b64decode(held["binaryData"][PIECE_KEY]))
    return current.chunks
