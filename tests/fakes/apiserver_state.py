"""What the fake API server holds, and the API's own rules: versions that only grow, generations that only specs move,
statuses apart from specs, updates only of what was read."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
Key = tuple[str, str, str]
"""(plural, namespace, name)"""


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class State:
    version: int = 100
    compacted: int = 0
    """Watches and continued lists from at or before this version are 410."""
    objects: dict[Key, Body] = field(default_factory=dict)
    log: list[tuple[int, str, str, Body]] = field(default_factory=list)
    """(version, plural, type, object), of everything that happened."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Status writes that were taken, by `namespace/name`."""
    _uids: Any = field(default_factory=lambda: itertools.count(1))

    async def put(self, plural: str, body: Body) -> Body:
        """Create, or update the spec: what `kubectl apply` does."""
        metadata = body["metadata"]
        key = (plural, metadata.get("namespace", ""), metadata["name"])
        before = self.objects.get(key)
        new = copy.deepcopy(body)
        new["metadata"] = {**(before or {}).get("metadata", {}), **new["metadata"]}
        if before is None:
            new["metadata"].update(uid=f"uid-{next(self._uids)}", generation=1)
            new["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        elif before.get("spec") != new.get("spec"):
            new["metadata"]["generation"] = before["metadata"]["generation"] + 1
        if before is not None and "status" in before:
            new["status"] = before["status"]
        return await self._store(key, new, "ADDED" if before is None else "MODIFIED")

    async def create(self, plural: str, namespace: str, body: Body) -> Body:
        metadata = {**body["metadata"], "namespace": namespace}
        if "name" not in metadata:
            metadata["name"] = f"{metadata.pop('generateName')}{next(self._uids):05}"
        if (plural, namespace, metadata["name"]) in self.objects:
            raise Refused(409, "already exists")
        return await self.put(plural, {**body, "metadata": metadata})

    async def replace(self, key: Key, body: Body) -> Body:
        before = self._present(key)
        if body["metadata"].get("resourceVersion") != before["metadata"]["resourceVersion"]:
            raise Refused(409, "the object has been modified; please apply your changes to the latest version")
        return await self.put(key[0], body)

    async def apply(self, key: Key, body: Body, sub: str) -> Body:
        if sub == "status":
            return await self._apply_status(key, body)
        return await self.put(key[0], body)

    async def _apply_status(self, key: Key, body: Body) -> Body:
        before = self._present(key)
        if body["metadata"].get("uid") not in (None, before["metadata"]["uid"]):
            raise Refused(409, "uid does not match")
        self.writes[f"{key[1]}/{key[2]}"] += 1
        status = {**before.get("status", {}), **copy.deepcopy(body["status"])}
        if status == before.get("status"):
            return before
        return await self._store(key, {**copy.deepcopy(before), "status": status}, "MODIFIED")

    async def delete(self, plural: str, namespace: str, name: str) -> None:
        key = (plural, namespace, name)
        gone = copy.deepcopy(self._present(key))
        del self.objects[key]
        await self._happened(key, gone, "DELETED")

    def compact(self) -> None:
        """Forget the past, as etcd does every five minutes."""
        self.compacted = self.version
        self.log.clear()

    def listed(self, plural: str) -> list[Body]:
        return [body for (kind, _, _), body in sorted(self.objects.items()) if kind == plural]

    def get(self, key: Key) -> Body:
        return self._present(key)

    def _present(self, key: Key) -> Body:
        if key not in self.objects:
            raise Refused(404, f"{key[0]} {key[2]} not found")
        return self.objects[key]

    async def _store(self, key: Key, body: Body, type: str) -> Body:
        self.objects[key] = body
        await self._happened(key, body, type)
        return body

    async def _happened(self, key: Key, body: Body, type: str) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.log.append((self.version, key[0], type, copy.deepcopy(body)))
        # Each event is set once: who waits next, waits for the next.
        before, self.changed = self.changed, asyncio.Event()
        before.set()
