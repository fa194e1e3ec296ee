"""Policies as people write and apply them, and what their status then says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.bench.api import Api

WITHIN_S = 30.0
"""It takes one; the rest is for a machine that is busy with other work."""


def policy(namespace: str, limit: str = "5") -> dict[str, Any]:
    cap = {"per": "Workload", "window": "Day", "limitUSD": limit}
    spec = {
        "owner": {"team": "support"},
        "models": [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}],
        "tiers": [{"name": "all", "caps": [cap]}],
    }
    return _object("CostPolicy", {"name": "bot", "namespace": namespace}, spec)


def platform_policy(name: str, namespace: str) -> dict[str, Any]:
    """For one namespace: others of this run are left alone."""
    cap = {"per": "Policy", "window": "Month", "limitUSD": "1000"}
    spec = {
        "owner": {"team": "platform"},
        "targetRefs": [{"group": "", "kind": "Namespace", "name": namespace}],
        "overrides": {"tiers": [{"name": "all", "caps": [cap]}]},
    }
    return _object("ClusterCostPolicy", {"name": name}, spec)


def _object(kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "costward.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


async def apply(api: Api, folder: Path, body: dict[str, Any]) -> None:
    """As a person does."""
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(body))
    await asyncio.to_thread(api.kubectl, "apply", "-f", str(file))


async def until_true(holds: Callable[[], Any]) -> None:
    """Asked on a thread, since kubectl is waited for. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # an API server tells nobody here
            await asyncio.sleep(0.1)


def condition(one: dict[str, Any], type: str) -> str:
    """`Status/Reason` as the object has it; empty where there is none."""
    found = [each for each in one.get("status", {}).get("conditions", ()) if each["type"] == type]
    return f"{found[0]['status']}/{found[0]['reason']}" if found else ""
