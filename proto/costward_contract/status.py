"""What the operator writes back into a policy's status: the shape only, for the CRDs.

Conditions and ancestors follow GEP-713 of the Kubernetes Gateway API and the API conventions' `metav1.Condition`. The
summaries are small and bounded, for `kubectl get`; the detail is in the books.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from costward_contract import scalars
from costward_contract.snapshot import TargetKind
from costward_contract.strict import Strict
from costward_contract.targets import TargetGroup

# metav1.Condition's own bounds.
ConditionType = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=316)]
ConditionReason = Annotated[str, Field(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024)]
ConditionMessage = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$", max_length=32768)]
ControllerName = Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9/._~-]+$", max_length=253)]
# sha256: and 64 hex digits.
SnapshotHash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
# Of a cap, as records and messages name it: platform policy, tier, subject and window.
CapId = Annotated[str, Field(pattern=r"^[A-Za-z0-9./-]+$", max_length=200)]
# Exchanges and workloads: what a double can hold without loss, as every JSON reader takes numbers for.
Count = Annotated[StrictInt, Field(ge=0, le=2**53)]


class ConditionStatus(Strict):
    type: ConditionType = Field(description="What the condition tells of, such as Accepted or Programmed.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: ConditionReason = Field(description="Why, as one word for programs.")
    message: ConditionMessage = Field(default="", description="Why, in a sentence for people.")
    observed_generation: Count | None = Field(default=None, description="Version of the spec that this was told of.")
    last_transition_time: scalars.Timestamp = Field(description="Since when the status is what it is.")


class AncestorRef(Strict):
    # Cluster: a platform policy without targets attaches to all of it, and Kubernetes has no object for that.
    group: TargetGroup | Literal["costward.dev"] = Field(default="", description="API group of the target.")
    kind: TargetKind | Literal["Cluster"] = Field(description="Kind of the target.")
    namespace: scalars.OptionalName = Field(default="", description="Namespace of the target.")
    name: scalars.ObjectName = Field(description="Name of the target.")
    section_name: scalars.SectionName = Field(default="", description="Listener or rule of the target.")


class AncestorStatus(Strict):
    ancestor_ref: AncestorRef = Field(description="The target.")
    controller_name: ControllerName = Field(description="Who says so.")
    conditions: tuple[ConditionStatus, ...] = Field(
        default=(), max_length=8, description="What holds of the policy at this target."
    )


class MatchedStatus(Strict):
    workloads: Count = Field(default=0, description="Workloads that the policy governs now.")
    namespaces: Count = Field(default=0, description="Namespaces that they are in.")


class NearestCap(Strict):
    id: CapId = Field(description="Which cap: tier, subject and window.")
    spent: scalars.USD = Field(alias="spentUSD", description="Dollars spent in the window.")
    limit: scalars.USD = Field(alias="limitUSD", description="Dollars that may be spent.")


class SpendStatus(Strict):
    today: scalars.USD = Field(alias="todayUSD", description="Dollars spent since midnight UTC.")
    month: scalars.USD = Field(alias="monthUSD", description="Dollars spent in this calendar month, UTC.")
    nearest_cap: NearestCap | None = Field(default=None, description="The cap that is nearest to its limit.")
    updated_at: scalars.Timestamp = Field(description="When these figures were taken.")


class SavingsStatus(Strict):
    month: scalars.USD = Field(alias="monthUSD", description="Dollars saved in this calendar month, UTC.")
    by_cache: scalars.USD = Field(alias="byCacheUSD", description="Of these by answers from the cache.")
    by_routing: scalars.USD = Field(alias="byRoutingUSD", description="Of these by cheaper models.")
    updated_at: scalars.Timestamp = Field(description="When these figures were taken.")


class CoverageStatus(Strict):
    metered: Count = Field(default=0, description="Exchanges today that were priced.")
    unpriced: Count = Field(default=0, description="Exchanges today whose price is not known.")
    opaque: Count = Field(default=0, description="Connections to providers today that the mesh could not read.")
    updated_at: scalars.Timestamp = Field(description="When these figures were taken.")


class PolicyStatus(Strict):
    observed_generation: Count | None = Field(default=None, description="Version of the spec that this was told of.")
    snapshot: SnapshotHash | None = Field(default=None, description="Hash of the published snapshot that holds it.")
    matched: MatchedStatus | None = Field(default=None, description="What the policy selects.")
    conditions: tuple[ConditionStatus, ...] = Field(
        default=(), max_length=8, description="Accepted, ResolvedRefs, Programmed, Ready and Degraded."
    )
    # 16: GEP-713's bound.
    ancestors: tuple[AncestorStatus, ...] = Field(
        default=(), max_length=16, description="What holds at each target, the first sixteen of them."
    )
    spend: SpendStatus | None = Field(default=None, description="What was spent under this policy.")
    savings: SavingsStatus | None = Field(default=None, description="What this policy saved.")
    coverage: CoverageStatus | None = Field(default=None, description="How much of the traffic is seen and priced.")
