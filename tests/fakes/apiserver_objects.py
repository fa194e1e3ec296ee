"""CostPolicy objects as an API server hands them out."""

from __future__ import annotations

from typing import Any

from costward_operator.core.objects import Seen, read

NOW = "2026-03-01T10:00:00Z"
LATER = "2026-03-01T10:05:00Z"


def spec(team: str = "support", limit: str = "5") -> dict[str, Any]:
    return {
        "owner": {"team": team},
        "models": [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}],
        "tiers": [{"name": "all", "caps": [{"per": "Workload", "window": "Day", "limitUSD": limit}]}],
    }


def policy(
    name: str = "bot",
    namespace: str = "team",
    *,
    uid: str = "",
    generation: int = 1,
    version: int = 1,
    spec_: Any = None,
    status: Any = None,
) -> dict[str, Any]:
    body = {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{namespace}-{name}",
            "generation": generation,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec() if spec_ is None else spec_,
    }
    return body if status is None else {**body, "status": status}


def seen(*args: Any, **kwargs: Any) -> Seen:
    found = read(policy(*args, **kwargs))
    assert found is not None
    return found
