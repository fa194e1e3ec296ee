"""The `CostPolicy` resource as its owner writes it: the one model behind file, CLI, operator and CRD.

It says what a single field may hold. What must hold between fields is in `checks`, what is planned but cannot be
honoured yet is in `future`; reading YAML is `parse`, the CRD is `crd`. Attributes keep the text that was written:
`compiler` turns it into integers.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from costward_contract import scalars
from costward_contract.snapshot import (
    Bypass,
    CapSubject,
    LadderAction,
    MessageDelivery,
    Mode,
    OnFailure,
    Scope,
    Unpriced,
    UpstreamFailure,
)
from costward_contract.strict import Strict
from costward_contract.targets import TargetRef

API_VERSION = "costward.dev/v1alpha1"
KIND = "CostPolicy"

WindowName = Literal["Minute", "Hour", "Day", "Week", "Month"]


class ObjectMetadata(Strict):
    name: scalars.Name = Field(description="Name of the policy, unique in its namespace.")
    # Kubernetes counts from 1, so a policy from a file looks like one that was never edited.
    generation: StrictInt = Field(default=1, ge=0, le=2**53, description="Version of the spec, counted by Kubernetes.")
    creation_timestamp: scalars.Timestamp | None = Field(
        default=None, description="Set by Kubernetes. Of two policies with one priority the older goes first."
    )
    labels: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    annotations: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    uid: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    resource_version: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    managed_fields: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    owner_references: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    finalizers: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    deletion_timestamp: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")
    deletion_grace_period_seconds: scalars.Ignored = Field(default=None, description="Kubernetes metadata, ignored.")


class Metadata(ObjectMetadata):
    namespace: scalars.Name = Field(default="default", description="Namespace whose workloads the policy governs.")


class OwnerSpec(Strict):
    team: scalars.Line = Field(description="The team that answers for this money; capped callers are told it.")
    contact: scalars.Line | None = Field(default=None, description="Where to reach the team: a channel or an address.")


class WorkloadsSpec(Strict):
    # 64: with more of them a policy means "everybody", which is what leaving the list out says.
    service_accounts: tuple[scalars.ServiceAccount, ...] = Field(
        default=(), max_length=64, description="Service accounts that the policy governs; empty means all of them."
    )


class PriceSpec(Strict):
    input: scalars.USD = Field(alias="inputPerMTokUSD", description="Dollars for a million input tokens.")
    output: scalars.USD = Field(alias="outputPerMTokUSD", description="Dollars for a million output tokens.")
    cached_input: scalars.USD | None = Field(
        default=None,
        alias="cachedInputPerMTokUSD",
        description="Dollars for a million input tokens that the provider had cached; as input where left out.",
    )


class ModelSpec(Strict):
    name: scalars.Name = Field(description="Name of the rung, for use inside this policy.")
    model: scalars.Model = Field(description="The model as the provider names it.")
    price: PriceSpec | None = Field(default=None, description="Negotiated price; the catalogue's where left out.")
    billing: Literal["Metered"] = Field(default="Metered", description="How the model is paid for: by tokens.")


class TrustedHeader(Strict):
    header: scalars.Header = Field(description="Request header that carries the identity.")
    # One at least: a header that nobody is trusted to set would silently never count.
    trusted_from: tuple[scalars.ServiceAccount, ...] = Field(
        min_length=1, max_length=64, description="Service accounts that are believed when they send the header."
    )


class TierHeader(TrustedHeader):
    default: scalars.Name | None = Field(
        default=None, description="Tier of callers that name none or an unknown one; the first tier where left out."
    )


class SessionSpec(Strict):
    # Four: one for each agent framework that a team may run side by side.
    headers: tuple[scalars.Header, ...] = Field(
        min_length=1, max_length=4, description="Headers that carry a session id; the first one present counts."
    )


class IdentitySpec(Strict):
    user: TrustedHeader | None = Field(default=None, description="Who is served.")
    tier: TierHeader | None = Field(default=None, description="Which plan the user is on.")
    session: SessionSpec | None = Field(
        default=None, description="Which run of an agent or conversation; told from the conversation where left out."
    )


class CapSpec(Strict):
    per: CapSubject = Field(description="Whose spend is added up.")
    window: WindowName | None = Field(
        default=None, description="How long it is added up. Required, except for a session, which has none."
    )
    limit: scalars.USD = Field(alias="limitUSD", description="Dollars that may be spent in one window; above zero.")


class StepSpec(Strict):
    at: scalars.Percent = Field(description="Share of a cap's limit at which the step begins.")
    action: LadderAction = Field(description="What happens to requests from then on.")
    model: scalars.Name | None = Field(default=None, description="For UseModel: the rung that answers instead.")
    text: scalars.MessageText | None = Field(
        default=None,
        description="For Message: what the caller is told. Placeholders: {cap} {limit} {spent} {resetsAt} {tier} "
        "{policy} {owner} {contact}.",
    )
    deliver: MessageDelivery | None = Field(
        default=None,
        alias="as",
        description="For Message: as an error with status 429 (Error, the default) or as a model's answer (Answer).",
    )


class TierSpec(Strict):
    name: scalars.Name = Field(description="Name of the tier, as the identity's tier header carries it.")
    # 16: five windows for each of a few subjects; every request checks all of them.
    caps: tuple[CapSpec, ...] = Field(default=(), max_length=16, description="Spending limits; all of them must pass.")
    ladder: tuple[StepSpec, ...] = Field(
        default=(), max_length=16, description="What happens as spend rises, from the lowest share to the highest."
    )
    # Open: an outage of the ledger must not become an outage of the application unless its owner says so.
    on_ledger_failure: OnFailure = Field(
        default="Open", description="While spend cannot be read, requests pass (Open) or are refused (Closed)."
    )


class SemanticSpec(Strict):
    fixed_threshold: scalars.Similarity = Field(
        description="Cosine similarity from which an answer to another wording may be served, if all guards agree."
    )


class CacheSpec(Strict):
    mode: Mode = Field(default="Observe", description="Off, count what would have been a hit, or serve hits.")
    scope: Scope | None = Field(
        default=None,
        description="Who shares answers. User where the policy declares a user identity, else Workload.",
    )
    # A day: long enough for the repeats of working hours, short enough that yesterday's facts go.
    ttl: scalars.DurationText = Field(default="24h", description="How long an answer may be served.")
    semantic: SemanticSpec | None = Field(
        default=None, description="Serve answers to other wordings of a question; only equal wordings where left out."
    )
    bypass: tuple[Bypass, ...] = Field(
        default=("TimeSensitive", "ToolCalls"), max_length=2, description="Requests that the cache leaves alone."
    )


class WhenSpec(Strict):
    task_type: scalars.TaskType | None = Field(
        default=None, description="Equals the request's x-costward-task-type, upper and lower case told apart."
    )
    tools: StrictBool | None = Field(default=None, description="Whether the request offers tools.")
    min_prompt_tokens: scalars.PromptTokens | None = Field(
        default=None, description="The prompt has at least this many tokens."
    )
    max_prompt_tokens: scalars.PromptTokens | None = Field(
        default=None, description="The prompt has at most this many tokens."
    )


class RuleSpec(Strict):
    when: WhenSpec = Field(description="Conditions; those given must all hold.")
    use: scalars.Name = Field(description="The rung that answers.")


class FallbackSpec(Strict):
    # Not `on`: YAML 1.1, which Kubernetes' tools read, takes that key for a boolean.
    after: tuple[UpstreamFailure, ...] = Field(
        min_length=1, max_length=3, description="Failures of the provider after which another rung is tried, once."
    )
    to: Literal["Next"] = Field(
        default="Next", description="The next rung up that the request may use; the next one down where there is none."
    )
    attempts: StrictInt = Field(default=1, ge=1, le=1, description="How often another rung is tried.")
    # Five minutes: two attempts fit into the ten after which the usual SDKs give up.
    first_byte_within: scalars.DurationText = Field(
        default="5m", description="For Timeout: how long an answer may take to begin."
    )


class RoutingSpec(Strict):
    mode: Mode = Field(default="Observe", description="Off, record what would have been chosen, or choose.")
    # False: a model that the application named is the application's choice until the owner opts in.
    rewrite_named_models: StrictBool = Field(
        default=False, description="Whether rules also apply to requests that name a model instead of an alias."
    )
    # 32: a list that a person can still read from top to bottom.
    rules: tuple[RuleSpec, ...] = Field(default=(), max_length=32, description="The first rule that holds decides.")
    fallback: FallbackSpec | None = Field(
        default=None, description="A second attempt on another rung where the provider fails; none where left out."
    )


class Block(Strict):
    """What a team may say in a policy of its own, and the platform for all of them."""

    # 16 rungs, aliases and tiers: more than any ladder in use, and few enough to be compared on every request.
    models: tuple[ModelSpec, ...] = Field(default=(), max_length=16, description="The model ladder, cheapest first.")
    aliases: dict[scalars.Name, Annotated[scalars.AliasTarget, Field(description="Which rungs may answer.")]] = Field(
        default={}, max_length=16, description="Model names that only Costward resolves, such as `auto: small..large`."
    )
    identity: IdentitySpec = Field(default=IdentitySpec(), description="How requests tell whom they are for.")
    tiers: tuple[TierSpec, ...] = Field(
        default=(), max_length=16, description="Plans with their caps; one tier without caps where left out."
    )
    cache: CacheSpec = Field(default=CacheSpec(), description="Reuse of answers.")
    routing: RoutingSpec = Field(default=RoutingSpec(), description="Choice of the rung that answers.")
    # Pass: a policy that is added to a running team must not stop its uploads and batches.
    unpriced: Unpriced = Field(
        default="Pass",
        description="Endpoints that Costward cannot price (batches, audio, WebSockets, unknown ones) pass, counted "
        "(Pass), or are refused (Refuse). What providers give for nothing always passes.",
    )
    # Open: losing Costward must not lose traffic unless the owner says so.
    failure_policy: OnFailure = Field(
        default="Open", description="What happens to traffic if Costward itself is gone: it passes, or it is refused."
    )


class Spec(Block):
    owner: OwnerSpec = Field(description="Who answers for this money.")
    priority: scalars.Priority = Field(
        default=0, description="Where several policies select a workload, the highest priority governs it."
    )
    # 16: the Gateway API's bound for a policy's targets.
    target_refs: tuple[TargetRef, ...] = Field(
        default=(),
        min_length=1,
        max_length=16,
        description="What the policy attaches to; its own namespace where left out.",
    )
    workloads: WorkloadsSpec = Field(default=WorkloadsSpec(), description="Which workloads of the target.")


class CostPolicy(Strict):
    api_version: Literal["costward.dev/v1alpha1"] = Field(description="Version of this format.")
    kind: Literal["CostPolicy"] = Field(description="Kind of the resource.")
    metadata: Metadata = Field(description="Name and namespace; the rest is written by Kubernetes.")
    spec: Spec = Field(description="What the owner asks for.")
    status: scalars.Ignored = Field(default=None, description="Written by the operator, ignored when read.")

    @property
    def ref(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
