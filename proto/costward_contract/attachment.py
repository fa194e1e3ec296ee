"""Which policies apply to which target, and which goes first: the policy attachment of the Gateway API, GEP-713.

A policy reaches a target that it names and all that lies below: the cluster holds namespaces, a namespace its objects,
a Gateway its listeners, an HTTPRoute its rules. https://gateway-api.sigs.k8s.io/geps/gep-713/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.policy import CostPolicy
from costward_contract.snapshot import Target, TargetKind
from costward_contract.targets import GROUPS

AcceptedReason = Literal["Accepted", "Conflicted", "Invalid", "TargetNotFound"]

Precedence: TypeAlias = tuple[int, bool, str, str, str]

CLUSTER = Target("costward.dev", "Cluster", "", "cluster")
"""What a ClusterCostPolicy without targets attaches to. Kubernetes has no object for it."""


@dataclass(frozen=True, slots=True)
class AncestorVerdict:
    """What becomes of a policy at one of its targets."""

    target: Target
    accepted: bool
    reason: AcceptedReason
    message: str = ""
    overridden_by: tuple[str, ...] = ()
    """The ClusterCostPolicies that replace parts of it here, sorted: GEP-713's condition `Overridden`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a cluster's objects. When each policy was created, the policies themselves say."""

    targets: Mapping[Target, frozenset[str]]
    """Every namespace, Service, ServiceEntry, Gateway and HTTPRoute there is (without section), with the names of its
    sections: a Gateway's listeners, an HTTPRoute's rules."""

    def missing(self, target: Target) -> str | None:
        """What of the target is not there, in words."""
        whole = without_section(target)
        if whole != CLUSTER and whole not in self.targets:
            return f"there is no {shown(whole)}"
        if target.section and target.section not in self.targets.get(whole, ()):
            return f"{shown(whole)} has no section {target.section}"
        return None

    def namespaces(self) -> set[str]:
        return {target.name for target in self.targets if target.kind == "Namespace"}


def target(kind: TargetKind, namespace: str, name: str, section: str = "") -> Target:
    """With the group of its kind. `namespace` is left out of a Namespace's own."""
    return Target(GROUPS[kind], kind, "" if kind == "Namespace" else namespace, name, section)


def without_section(whole: Target) -> Target:
    return Target(whole.group, whole.kind, whole.namespace, whole.name)


def shown(to: Target) -> str:
    """`Service shop/llm`, `Namespace shop`, `Gateway shop/egress section http`, `the cluster`."""
    if to.kind == "Cluster":
        return "the cluster"
    place = f"{to.namespace}/{to.name}" if to.namespace else to.name
    return f"{to.kind} {place}" + (f" section {to.section}" if to.section else "")


def targets_of(policy: CostPolicy) -> tuple[Target, ...]:
    """In the order written; its own namespace where it names none."""
    namespace = policy.metadata.namespace
    refs = policy.spec.target_refs
    found = tuple(target(ref.kind, namespace, ref.name, ref.section_name) for ref in refs)
    return found or (target("Namespace", "", namespace),)


def targets_of_platform(policy: ClusterCostPolicy) -> tuple[Target, ...]:
    """In the order written; the cluster where it names none."""
    refs = policy.spec.target_refs
    return tuple(target(ref.kind, ref.namespace, ref.name, ref.section_name) for ref in refs) or (CLUSTER,)


def covers(general: Target, specific: Target) -> bool:
    """Whether the specific target is the general one or lies below it."""
    if general.kind == "Cluster":
        return True
    if general.kind == "Namespace":
        return general.name == (specific.name if specific.kind == "Namespace" else specific.namespace)
    return without_section(general) == without_section(specific) and general.section in ("", specific.section)


def precedence(policy: CostPolicy | ClusterCostPolicy) -> Precedence:
    """Sorts the highest priority first, then the oldest, then by namespace and name; the whole content last, so that
    equals have an order too. An age that is not known is younger than any."""
    created = policy.metadata.creation_timestamp
    content = policy.model_dump_json(exclude_unset=True)
    return (-policy.spec.priority, created is None, created or "", _place(policy), content)


def _place(policy: CostPolicy | ClusterCostPolicy) -> str:
    # A space sorts before every character of a name, so that "a b" goes before "a-a b" as its namespace does.
    return policy.ref.replace("/", " ")


@dataclass(frozen=True, slots=True)
class Chain:
    """The platform's policies that reach a target, in two orders: of overrides the most general goes first, of defaults
    the most specific; among equals the one of the highest precedence."""

    overrides: tuple[ClusterCostPolicy, ...] = ()
    defaults: tuple[ClusterCostPolicy, ...] = ()


def chain(platform: Sequence[ClusterCostPolicy], to: Target) -> Chain:
    """`platform` is in order of precedence."""
    levels = [(policy, [_level(one) for one in targets_of_platform(policy) if covers(one, to)]) for policy in platform]
    reaching = [(policy, found) for policy, found in levels if found]
    return Chain(
        tuple(policy for policy, found in sorted(reaching, key=lambda pair: min(pair[1]))),
        tuple(policy for policy, found in sorted(reaching, key=lambda pair: -max(pair[1]))),
    )


def _level(general: Target) -> int:
    if general.kind in ("Cluster", "Namespace"):
        return int(general.kind == "Namespace")
    return 3 if general.section else 2


@dataclass(slots=True)
class Claims:
    """Who has what at each target, while policies come in order of precedence."""

    everybody: dict[Target, str] = field(default_factory=dict)
    accounts: dict[tuple[Target, str], str] = field(default_factory=dict)

    def winners(self, to: Target, accounts: Iterable[str]) -> tuple[str, ...]:
        """The earlier policies that leave nothing here to a policy for these accounts (none: all of them)."""
        if to in self.everybody:
            return (self.everybody[to],)
        found = [self.accounts.get((to, account)) for account in accounts]
        winners = tuple(sorted({winner for winner in found if winner is not None}))
        return winners if found and None not in found else ()

    def claim(self, to: Target, accounts: Sequence[str], ref: str) -> None:
        if not accounts:
            self.everybody.setdefault(to, ref)
        for account in accounts:
            self.accounts.setdefault((to, account), ref)


def namespaces_reached(platform: Iterable[ClusterCostPolicy], known: Iterable[str]) -> Iterator[str]:
    """The namespaces that are known and that a policy of the platform reaches, sorted."""
    reached = [to for policy in platform for to in targets_of_platform(policy)]
    for name in sorted(set(known)):
        if any(covers(to, target("Namespace", "", name)) for to in reached):
            yield name
