"""What the operator stores in ConfigMaps of a real API server is what a data plane begins with, from their mount."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from costward_contract.chunks import CHUNK_BYTES, INDEX, INDEX_KEY, PIECE_KEY
from costward_contract.codec import encode, seal
from costward_contract.snapshot import Owner, Snapshot
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_extproc.adapters.sums import Sums
from costward_extproc.control_plane import ControlPlane
from costward_operator.adapters.access import Access
from costward_operator.adapters.kube import Kube, session
from costward_operator.adapters.snapshot_store import SnapshotStore

from tests.cluster.bench.api import Api
from tests.fakes.snapshots import snapshot
from tests.fakes.world import policy

AT = "2026-03-01T10:00:00Z"


def large() -> Snapshot:
    """Over a ConfigMap's limit however well it is packed: contacts are noise."""
    noise = random.Random(5)
    owners = [Owner("support", noise.randbytes(500).hex()) for _ in range(2_500)]
    return seal(Snapshot(tuple(replace(policy(name=f"p{at}"), owner=owner) for at, owner in enumerate(owners))))


@pytest.fixture
async def store(api: Api, tmp_path: Path) -> AsyncIterator[SnapshotStore]:
    token = tmp_path / "token"
    token.write_text(api.token)
    access = Access(api.url, token, api.ca, time.monotonic)
    async with session(access) as http:
        yield SnapshotStore(Kube(http, access), api.namespace, lambda: True)


def mount(api: Api, folder: Path) -> Path:
    """As the kubelet mounts them: a file for each, named after its ConfigMap."""
    folder.mkdir(exist_ok=True)
    for one in api.items("configmap", "-l", "app.kubernetes.io/component=snapshot"):
        file = folder / one["metadata"]["name"]
        if file.name == INDEX:
            file.write_text(one["data"][INDEX_KEY])
        else:
            file.write_bytes(base64.b64decode(one["binaryData"][PIECE_KEY]))
    return folder


def begun_with(folder: Path, state: Path) -> Snapshot:
    """What a data plane without a state and without an operator serves."""
    source = ControlPlane("127.0.0.1:1", Path("none"), Path("none"), cold_start=folder, node="a")
    return StreamSnapshots(source, state / "good", "test", Sums(time.time(), lambda: True)).current


async def test_a_snapshot_over_a_mebibyte_comes_back_whole(store: SnapshotStore, api: Api, tmp_path: Path) -> None:
    wanted = large()
    assert len(encode(wanted)) > 1024 * 1024

    await store.save(wanted, AT)

    folder = mount(api, tmp_path / "mounted")
    assert len(list(folder.glob("costward-snapshot-0-*"))) > 1
    assert all(file.stat().st_size <= CHUNK_BYTES for file in folder.iterdir())
    assert begun_with(folder, tmp_path).hash == wanted.hash
    assert await store.current() == begun_with(folder, tmp_path)


async def test_a_mount_that_lags_gives_the_one_before(store: SnapshotStore, api: Api, tmp_path: Path) -> None:
    before, after = snapshot("before"), snapshot("before", "after")
    await store.save(before, AT)
    await store.save(after, AT)
    folder = mount(api, tmp_path / "mounted")
    assert begun_with(folder, tmp_path).hash == after.hash

    (folder / "costward-snapshot-1-0").unlink()

    assert begun_with(folder, tmp_path).hash == before.hash


async def test_where_nothing_whole_is_mounted_there_is_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    assert begun_with(folder, tmp_path).hash == Snapshot().hash
    (folder / INDEX).write_text("{")
    assert begun_with(folder, tmp_path).hash == Snapshot().hash
