"""Snapshots in ConfigMaps of fixed names: what a control plane or a data plane begins with while the other is away, and
what `rollout undo` goes back to. `costward_contract.chunks` has the form, and why a kill at any moment leaves a whole
one."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from costward_contract.chunks import (
    INDEX,
    INDEX_KEY,
    PIECE_KEY,
    Entry,
    Index,
    TornError,
    digest,
    opened,
    pack,
    piece_name,
    read_index,
)
from costward_contract.codec import encode
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Snapshot

from costward_operator.adapters.kube import CONFIG_MAPS, Kube
from costward_operator.core.rollout import PIN, Pin, named
from costward_operator.errors import LeaseLostError, NotFoundError

log = logging.getLogger(__name__)


class SnapshotStore:
    """Methods raise KubeError where the API server fails."""

    def __init__(self, kube: Kube, namespace: str, may_write: Callable[[], bool]) -> None:
        self._kube = kube
        self._namespace = namespace
        self._may_write = may_write

    async def save(self, snapshot: Snapshot, at: str) -> None:
        """Make it the present one. `at`: RFC 3339. Raises TornError for one that is too large, LeaseLostError."""
        index = await self.index()
        if index.current is not None and index.current.hash == snapshot.hash:
            return
        before = next((entry for entry in index.entries if entry.hash == snapshot.hash), None)
        if before is not None and await self._load(before) is not None:
            await self._write_index(index.with_entry(replace(before, at=at)))
            return
        pieces = pack(encode(snapshot))
        slot = index.free_slot()
        if any(entry.slot == slot for entry in index.entries):
            index = index.without(slot)
            await self._write_index(index)
        for number, piece in enumerate(pieces):
            await self._write(piece_name(slot, number), {"binaryData": {PIECE_KEY: base64.b64encode(piece).decode()}})
        await self._write_index(index.with_entry(Entry(slot, snapshot.hash, len(pieces), digest(pieces), at)))

    async def current(self) -> Snapshot | None:
        """The newest that is whole; None where there is none."""
        for entry in (await self.index()).entries:
            snapshot = await self._load(entry)
            if snapshot is not None:
                return snapshot
        return None

    async def load(self, hash: str) -> Snapshot | None:
        """One of the history; None where it is not there any more."""
        entry = next((entry for entry in (await self.index()).entries if entry.hash == hash), None)
        return await self._load(entry) if entry is not None else None

    async def index(self) -> Index:
        """What there is, newest first."""
        return _index(await self._index_map())

    async def pin(self, before: Pin | None = None) -> Pin:
        """What people went back to, without its snapshot where that is not kept. `before`: the last answer, so that
        the same is not loaded again."""
        body = await self._index_map()
        asked = str(((body.get("metadata") or {}).get("annotations") or {}).get(PIN, "")).strip()
        if not asked:
            return Pin()
        if before is not None and before.asked == asked and before.snapshot is not None:
            return before
        hash = named(asked, [entry.hash for entry in _index(body).entries])
        return Pin(asked, await self.load(hash) if hash is not None else None)

    async def _index_map(self) -> dict[str, Any]:
        try:
            return await self._kube.get(CONFIG_MAPS, self._namespace, INDEX)
        except NotFoundError:
            return {}

    async def _load(self, entry: Entry) -> Snapshot | None:
        try:
            pieces = [await self._piece(piece_name(entry.slot, number)) for number in range(entry.chunks)]
            return opened(entry, pieces)
        except (TornError, SnapshotError) as error:
            log.warning("a stored snapshot is left out: %s", error)
            return None

    async def _piece(self, name: str) -> bytes | None:
        try:
            body = await self._kube.get(CONFIG_MAPS, self._namespace, name)
            return base64.b64decode((body.get("binaryData") or {}).get(PIECE_KEY, ""), validate=True)
        except (NotFoundError, binascii.Error):
            return None

    async def _write_index(self, index: Index) -> None:
        await self._write(INDEX, {"data": {INDEX_KEY: index.text()}})

    async def _write(self, name: str, content: dict[str, Any]) -> None:
        if not self._may_write():
            raise LeaseLostError("the lease was lost while a snapshot was stored: the next leader stores its own")
        metadata = {
            "name": name,
            "namespace": self._namespace,
            "labels": {"app.kubernetes.io/name": "costward", "app.kubernetes.io/component": "snapshot"},
        }
        await self._kube.apply(CONFIG_MAPS, self._namespace, name, {"metadata": metadata, **content})


def _index(body: Mapping[str, Any]) -> Index:
    try:
        return read_index(str((body.get("data") or {}).get(INDEX_KEY, ""))) if body else Index()
    except TornError as error:
        log.warning("%s", error)
        return Index()
