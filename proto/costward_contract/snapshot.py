"""The compiled form of all policies: what the control plane publishes and the data plane decides by.

Plain frozen values without behaviour, so that the codec, the compiler and the decisions share one vocabulary.
Units: money in micro-dollars (µ$), shares in parts per million (ppm), durations in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType

MicroUSD = NewType("MicroUSD", int)
"""An amount of money: integer micro-dollars. 1_000_000 is one dollar."""

Mode = Literal["Off", "Observe", "Enforce"]
Scope = Literal["User", "Tenant", "Workload", "Policy"]
CapSubject = Literal["User", "Session", "Tier", "Workload", "Policy"]
Window = Literal["Minute", "Hour", "Day", "Week", "Month", "Lifetime"]
LadderAction = Literal["Warn", "UseModel", "Message"]
MessageDelivery = Literal["Error", "Answer"]
OnFailure = Literal["Open", "Closed"]
Unpriced = Literal["Pass", "Refuse"]
Bypass = Literal["TimeSensitive", "ToolCalls"]
TargetKind = Literal["Namespace", "Service", "ServiceEntry", "Gateway", "HTTPRoute"]
AncestorKind = Literal["Cluster", "Namespace", "Service", "ServiceEntry", "Gateway", "HTTPRoute"]
UpstreamFailure = Literal["ServerError", "RateLimited", "Timeout"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """Negotiated rates of one rung: µ$ per million tokens."""

    input: int
    output: int
    cached_input: int | None = None
    """None: cached input is priced as input."""


@dataclass(frozen=True, slots=True)
class Rung:
    name: str
    model: str
    price: PriceOverride | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """A model name that only this policy resolves: the rungs (by name, cheapest first) that may answer it."""

    name: str
    rungs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeaderSource:
    """A header that carries identity, believed only from these service accounts of the policy's namespace."""

    header: str
    trusted_from: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    user: HeaderSource | None = None
    tier: HeaderSource | None = None
    session_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cap:
    id: str
    """Stable within its policy: tier/subject/window, for example `free/User/Day`."""
    per: CapSubject
    window: Window
    limit: MicroUSD
    scope: str = ""
    """The ClusterCostPolicy whose counter this is, shared by all policies that it reaches; empty: the policy's own."""


@dataclass(frozen=True, slots=True)
class LadderStep:
    at_ppm: int
    """Share of a cap's limit that is spent when this step begins."""
    action: LadderAction
    rung: str | None = None
    text: str | None = None
    deliver: MessageDelivery = "Error"


@dataclass(frozen=True, slots=True)
class Tier:
    name: str
    caps: tuple[Cap, ...] = ()
    ladder: tuple[LadderStep, ...] = ()
    on_ledger_failure: OnFailure = "Open"


@dataclass(frozen=True, slots=True)
class FixedThreshold:
    ppm: int
    """Cosine similarity from which a guarded neighbour may be served, in parts per million."""

    @property
    def cosine(self) -> float:
        return self.ppm / 1_000_000


@dataclass(frozen=True, slots=True)
class CachePolicy:
    mode: Mode = "Observe"
    scope: Scope = "Workload"
    ttl_s: int = 86_400
    semantic: FixedThreshold | None = None
    bypass: tuple[Bypass, ...] = ()


@dataclass(frozen=True, slots=True)
class When:
    """Conditions of a routing rule; those given must all hold."""

    task_type: str | None = None
    tools: bool | None = None
    min_prompt_tokens: int | None = None
    max_prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RoutingRule:
    when: When
    use: str


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """Once to the next rung where the provider fails in one of these ways."""

    after: tuple[UpstreamFailure, ...]
    first_byte_s: int
    """For Timeout: how long an answer may take to begin."""


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    mode: Mode = "Observe"
    rewrite_named_models: bool = False
    rules: tuple[RoutingRule, ...] = ()
    fallback: FallbackPolicy | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    team: str
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    namespace: str
    name: str
    generation: int
    cache_epoch: str
    """Hash of what a cached answer depends on (cache, identity, models, aliases): a new message keeps the cache."""
    owner: Owner
    priority: int
    service_accounts: tuple[str, ...]
    """Empty: every service account of the namespace."""
    models: tuple[Rung, ...]
    """The ladder, cheapest first."""
    aliases: tuple[Alias, ...]
    identity: Identity
    tiers: tuple[Tier, ...]
    """Never empty. A caller whose tier is not among them belongs to the identity's default tier, else to the first."""
    cache: CachePolicy
    routing: RoutingPolicy
    failure_policy: OnFailure
    unpriced: Unpriced = "Pass"
    """What happens to endpoints that no codec reads and that are not free."""

    @property
    def ref(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What a policy attaches to."""

    group: str
    kind: AncestorKind
    namespace: str
    """Empty for a Namespace and for the Cluster, which are in none."""
    name: str
    section: str = ""
    """A Gateway's listener or an HTTPRoute's rule; empty for all of them."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A policy for what is sent to these targets, whoever sends it; the caps of the sender's own policy hold too."""

    targets: tuple[Target, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Snapshot:
    policies: tuple[Policy, ...] = ()
    """In order of precedence: the first that selects a workload governs it."""
    hash: str = ""
    """`sha256:` + hex of the canonical bytes without this field."""
    schema_version: int = SCHEMA_VERSION
    destinations: tuple[Destination, ...] = ()
    """In order of precedence: the first that has the destination counts for it."""
