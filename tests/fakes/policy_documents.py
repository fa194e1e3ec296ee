"""Policies as documents, for tests that change one thing and look at what is said about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from costward_contract.cluster_policy import CLUSTER_KIND, ClusterCostPolicy
from costward_contract.parse import Parsed, parse_documents, parse_object
from costward_contract.policy import CostPolicy

RICH: Mapping[str, object] = {
    "apiVersion": "costward.dev/v1alpha1",
    "kind": "CostPolicy",
    "metadata": {"name": "rich", "namespace": "shop", "generation": 3},
    "spec": {
        "owner": {"team": "checkout", "contact": "#checkout"},
        "priority": 7,
        "targetRefs": [{"group": "", "kind": "Namespace", "name": "shop"}],
        "workloads": {"serviceAccounts": ["web", "bot"]},
        "models": [
            {
                "name": "small",
                "model": "gpt-5-mini",
                "price": {"inputPerMTokUSD": "0.25", "outputPerMTokUSD": "2", "cachedInputPerMTokUSD": "0.025"},
                "billing": "Metered",
            },
            {"name": "middle", "model": "gpt-5"},
            {"name": "large", "model": "gpt-5-pro"},
        ],
        "aliases": {"auto": "small..middle", "best": "large"},
        "identity": {
            "user": {"header": "x-user-id", "trustedFrom": ["web"]},
            "tier": {"header": "x-user-tier", "default": "free", "trustedFrom": ["web"]},
            "session": {"headers": ["x-session-id", "x-thread"]},
        },
        "tiers": [
            {
                "name": "free",
                "caps": [
                    {"per": "User", "window": "Day", "limitUSD": "0.50"},
                    {"per": "Session", "limitUSD": "2"},
                ],
                "ladder": [
                    {"at": "80%", "action": "Warn"},
                    {"at": "90.5%", "action": "UseModel", "model": "small"},
                    {"at": "100%", "action": "Message", "text": "Used up until {resetsAt}.", "as": "Answer"},
                ],
                "onLedgerFailure": "Closed",
            },
            {"name": "pro"},
        ],
        "cache": {
            "mode": "Enforce",
            "scope": "User",
            "ttl": "1h30m",
            "semantic": {"fixedThreshold": "0.95"},
            "bypass": ["ToolCalls"],
        },
        "routing": {
            "mode": "Enforce",
            "rewriteNamedModels": True,
            "rules": [
                {
                    "when": {
                        "taskType": "Classification",
                        "tools": False,
                        "minPromptTokens": 1,
                        "maxPromptTokens": 200,
                    },
                    "use": "small",
                }
            ],
            "fallback": {
                "after": ["ServerError", "Timeout"],
                "to": "Next",
                "attempts": 1,
                "firstByteWithin": "90s",
            },
        },
        "failurePolicy": "Closed",
        "unpriced": "Refuse",
    },
}
"""A policy that sets every field."""


def changed(path: str, value: object) -> dict[str, object]:
    """RICH with one value replaced or added; `path` is written as in a Problem: `spec.tiers[0].name`."""
    document = deepcopy(dict(RICH))
    place, last = _place(document, path)
    place[last] = value
    return document


def removed(path: str) -> dict[str, object]:
    """RICH without one field."""
    document = deepcopy(dict(RICH))
    place, last = _place(document, path)
    del place[last]
    return document


def _place(document: dict[str, object], path: str) -> tuple[Any, Any]:
    """The mapping or list that holds the last part of the path, and that part."""
    *parents, last = [
        int(part) if part.isdigit() else part for part in path.replace("[", ".").replace("]", "").split(".")
    ]
    place: Any = document
    for part in parents:
        place = place[part]
    return place, last


def read(*documents: Mapping[str, object]) -> Parsed:
    """Through text, as a file would be."""
    return parse_documents("\n---\n".join(json.dumps(document) for document in documents), "test.yaml")


def accepted(*documents: Mapping[str, object]) -> tuple[CostPolicy, ...]:
    parsed = read(*documents)
    assert parsed.problems == ()
    return parsed.policies


def minimal(name: str, namespace: str = "default", /, **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"owner": {"team": "t"}, **spec},
    }


def platform(name: str = "platform", /, **spec: object) -> dict[str, object]:
    """A ClusterCostPolicy."""
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "ClusterCostPolicy",
        "metadata": {"name": name},
        "spec": {"owner": {"team": "platform"}, **spec},
    }


def accepted_platform(*documents: Mapping[str, object]) -> tuple[ClusterCostPolicy, ...]:
    parsed = [parse_object(document, kinds=(CLUSTER_KIND,)) for document in documents]
    assert [problem for one in parsed for problem in one.problems] == []
    return tuple(policy for one in parsed for policy in one.cluster_policies)
