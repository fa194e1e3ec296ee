"""Who must be allowed what: the rights that the commands here and the operator need, as the API server is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Right:
    verb: str
    group: str
    """Empty for the core group."""
    resource: str
    """Plural, with `/status` and the like behind it."""
    why: str
    """What does not work without it."""
    name: str = ""
    """One object alone."""
    in_system_namespace: bool = False
    """Only in the namespace of Costward; else in every one."""

    @property
    def text(self) -> str:
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group}" + (f" {self.name}" if self.name else "")


_OWN, _ISTIO = "costward.dev", "networking.istio.io"

YOURS: tuple[Right, ...] = (
    Right("list", _OWN, "costpolicies", "costward policy status"),
    Right("list", _OWN, "clustercostpolicies", "costward policy status -A, policy explain --pod"),
    Right("get", "apiextensions.k8s.io", "customresourcedefinitions", "costward doctor --cluster"),
    Right("list", "apps", "deployments", "costward doctor --cluster"),
    Right("list", "", "pods", "costward doctor --cluster, policy explain --pod"),
    Right("list", _ISTIO, "envoyfilters", "costward doctor --cluster, costward pause"),
    Right("patch", _ISTIO, "envoyfilters", "costward pause"),
    Right("delete", _ISTIO, "envoyfilters", "costward resume"),
)

OPERATORS: tuple[Right, ...] = (
    *(
        Right(verb, _OWN, resource, "no policy comes into force")
        for resource in ("costpolicies", "clustercostpolicies")
        for verb in ("list", "watch")
    ),
    Right("patch", _OWN, "costpolicies/status", "policies do not tell how they stand"),
    Right("patch", _OWN, "clustercostpolicies/status", "policies do not tell how they stand"),
    Right("create", "", "events", "changes make no event"),
    Right("create", "authentication.k8s.io", "tokenreviews", "no data plane is let in"),
    Right("create", "coordination.k8s.io", "leases", "no replica leads", in_system_namespace=True),
    Right("update", "coordination.k8s.io", "leases", "no replica leads", "costward-operator", in_system_namespace=True),
    *(
        Right(verb, "", "configmaps", "snapshots are not kept for a cold start", in_system_namespace=True)
        for verb in ("get", "create", "patch")
    ),
)
"""What it needs in any configuration; a test holds them against the chart's roles on a real API server."""


def attributes(right: Right, system_namespace: str) -> dict[str, Any]:
    """`resourceAttributes` of a review."""
    resource, _, subresource = right.resource.partition("/")
    return {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "name": right.name,
        "namespace": system_namespace if right.in_system_namespace else "",
    }
