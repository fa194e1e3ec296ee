"""What a policy attaches to, as its owner writes it: the policy attachment of the Kubernetes Gateway API (GEP-713)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from costward_contract import scalars
from costward_contract.snapshot import TargetKind
from costward_contract.strict import Strict

TargetGroup = Literal["", "networking.istio.io", "gateway.networking.k8s.io"]

GROUPS: dict[TargetKind, TargetGroup] = {
    "Namespace": "",
    "Service": "",
    "ServiceEntry": "networking.istio.io",
    "Gateway": "gateway.networking.k8s.io",
    "HTTPRoute": "gateway.networking.k8s.io",
}
"""The API group of each kind of target."""

SECTIONED: tuple[TargetKind, ...] = ("Gateway", "HTTPRoute")
"""Kinds with named parts: a Gateway's listeners, an HTTPRoute's rules."""


class TargetRef(Strict):
    # Empty is core Kubernetes, where a policy's first target is: its namespace.
    group: TargetGroup = Field(default="", description="API group of the target; empty for core Kubernetes.")
    kind: TargetKind = Field(
        description="Namespace: what its workloads send. The others: what is sent to them, whoever sends it."
    )
    name: scalars.ObjectName = Field(description="Name of the target; of a namespace only the policy's own.")
    # Empty and not absent, so that it can be part of the key that tells a list's entries apart.
    section_name: scalars.SectionName = Field(
        default="", description="One listener of a Gateway or one rule of an HTTPRoute; all of them where left out."
    )


class ClusterTargetRef(Strict):
    group: TargetGroup = Field(default="", description="API group of the target; empty for core Kubernetes.")
    kind: TargetKind = Field(
        description="Namespace: what its workloads send. The others: what is sent to them, whoever sends it."
    )
    namespace: scalars.OptionalName = Field(
        default="", description="Namespace of the target; left out where the target is a namespace itself."
    )
    name: scalars.ObjectName = Field(description="Name of the target.")
    section_name: scalars.SectionName = Field(
        default="", description="One listener of a Gateway or one rule of an HTTPRoute; all of them where left out."
    )
