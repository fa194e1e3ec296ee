"""The API server's audit log: who asked for what, and whether RBAC let it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # Who and what, never a body: that is all a test of rights needs.
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `decision` is `allow` or `forbid`, `status` the HTTP status."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    decision: str
    status: int


def asked_by(log: Path, user: str) -> Iterator[Asked]:
    """Each request of `user` so far, oldest first; a subresource is part of `resource`: `pods/exec`."""
    for line in log.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] == user:
            yield _asked(event)


def _asked(event: dict[str, Any]) -> Asked:
    what = event.get("objectRef", {})
    parts = (what.get("resource", ""), what.get("subresource", ""))
    return Asked(
        user=event["user"]["username"],
        verb=event["verb"],
        group=what.get("apiGroup", ""),
        resource="/".join(part for part in parts if part),
        namespace=what.get("namespace", ""),
        name=what.get("name", ""),
        decision=event.get("annotations", {}).get("authorization.k8s.io/decision", ""),
        status=event.get("responseStatus", {}).get("code", 0),
    )
