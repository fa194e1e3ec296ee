"""The `ClusterCostPolicy` resource: what the platform says for all teams, as a fallback or against them.

Its blocks hold what a `CostPolicy` holds, in the same words. It does not select service accounts: their names are the
choice of a namespace's owner, who could get round the platform's caps by choosing another.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from costward_contract import scalars
from costward_contract.policy import Block, ObjectMetadata, OwnerSpec
from costward_contract.strict import Strict
from costward_contract.targets import ClusterTargetRef

CLUSTER_KIND = "ClusterCostPolicy"


class ClusterMetadata(ObjectMetadata):
    name: scalars.Name = Field(description="Name of the policy, unique in its cluster.")


class ClusterSpec(Strict):
    owner: OwnerSpec = Field(description="Who answers for this policy, and for the money where a team has none.")
    priority: scalars.Priority = Field(
        default=0, description="Where several platform policies say the same part, the highest priority wins."
    )
    # 16: the Gateway API's bound for a policy's targets.
    target_refs: tuple[ClusterTargetRef, ...] = Field(
        default=(),
        min_length=1,
        max_length=16,
        description="What the policy attaches to; the whole cluster where left out.",
    )
    defaults: Block | None = Field(
        default=None, description="Parts that hold where a team's own policy does not say them, each as a whole."
    )
    overrides: Block | None = Field(
        default=None,
        description="Parts that replace those of a team's own policy, each as a whole; caps of tiers are added to its "
        "own, and all must pass.",
    )


class ClusterCostPolicy(Strict):
    api_version: Literal["costward.dev/v1alpha1"] = Field(description="Version of this format.")
    kind: Literal["ClusterCostPolicy"] = Field(description="Kind of the resource.")
    metadata: ClusterMetadata = Field(description="Name of the policy; the rest is written by Kubernetes.")
    spec: ClusterSpec = Field(description="What the platform asks for.")
    status: scalars.Ignored = Field(default=None, description="Written by the operator, ignored when read.")

    @property
    def ref(self) -> str:
        """Its name: a cluster has one of them only."""
        return self.metadata.name
