"""Policies as their owners wrote them -> the snapshot that the data plane decides by.

Pure, and the same for file, CLI and operator. The same policies in any order give the same snapshot, and a policy that
cannot be taken harms only itself: what it would have governed falls to the next one, at last to the platform's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.attachment import (
    AcceptedReason,
    AncestorVerdict,
    Claims,
    Facts,
    namespaces_reached,
    precedence,
    shown,
    target,
    targets_of,
    targets_of_platform,
)
from costward_contract.checks import cluster_findings
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.codec import seal
from costward_contract.memory import Memory
from costward_contract.merge import Merged
from costward_contract.platform_policies import Platform
from costward_contract.problem import Finding, render_path

Reason: TypeAlias = AcceptedReason
"""Reasons of the condition `Accepted`. Conflicted: an earlier policy has this namespace and name, or the platform's
overrides leave the rest of it without sense."""


@dataclass(frozen=True, slots=True)
class Verdict:
    ref: str
    """`namespace/name`; of a ClusterCostPolicy its name."""
    accepted: bool
    """Whether it is in the snapshot."""
    reason: Reason
    message: str
    kind: Literal["CostPolicy", "ClusterCostPolicy"] = "CostPolicy"
    ancestors: tuple[AncestorVerdict, ...] = ()
    """What becomes of it at each target, in the order written. A policy in the snapshot may still be `Conflicted` at
    all of them: others go before it, and it counts as soon as they are gone."""


def compile_policies(
    policies: Sequence[p.CostPolicy],
    cluster_policies: Sequence[ClusterCostPolicy] = (),
    facts: Facts | None = None,
    memory: Memory | None = None,
) -> tuple[s.Snapshot, tuple[Verdict, ...]]:
    """The sealed snapshot of the policies that can be taken, and a verdict on each: the teams' and then the platform's,
    each in order of precedence.

    `facts`: what is known of the cluster. None, as for a file: every namespace is there, and no other target.
    `memory`: the caller's own, from one compilation to the next; it saves time and changes nothing.
    """
    memory = Memory() if memory is None else memory
    memory.begin()
    teams = sorted(policies, key=memory.precedence)
    platforms = sorted(cluster_policies, key=precedence)
    refusals = [_refused_platform(policy, platforms[:at]) for at, policy in enumerate(platforms)]
    taken = [policy for policy, refusal in zip(platforms, refusals, strict=True) if refusal is None]
    work = _Work(Platform(taken), facts, memory)
    verdicts = [work.team(policy) for policy in teams]
    for policy, refusal in zip(platforms, refusals, strict=True):
        verdicts.append(refusal or work.platform_verdict(policy))
    work.fall_back({policy.metadata.namespace for policy in teams})
    return work.snapshot(), tuple(verdicts)


@dataclass(slots=True)
class _Work:
    platform: Platform
    facts: Facts | None
    memory: Memory
    claims: Claims = field(default_factory=Claims)
    names: set[str] = field(default_factory=set)
    """Of the teams' policies that are in the snapshot."""
    policies: list[s.Policy] = field(default_factory=list)
    destinations: list[s.Destination] = field(default_factory=list)

    def snapshot(self) -> s.Snapshot:
        return seal(s.Snapshot(tuple(self.policies), destinations=tuple(self.destinations)))

    def team(self, policy: p.CostPolicy) -> Verdict:
        """Takes a policy into the snapshot where it can be, and says what became of it."""
        targets = targets_of(policy)
        if policy.ref in self.names:
            message = f"another policy named {policy.ref} goes before this one: rename it, or remove one of them"
            return _refusal(policy.ref, "Conflicted", message, targets)
        found = self.memory.findings(policy)
        if found:
            return _refusal(policy.ref, "Invalid", _sentences(found), targets)
        judged = [self._at(policy, to) for to in targets]
        compiled = [one for one, _ in judged]
        ancestors = tuple(verdict for _, verdict in judged)
        if not any(compiled):
            return Verdict(policy.ref, False, ancestors[0].reason, ancestors[0].message, ancestors=ancestors)
        self.names.add(policy.ref)
        self._take(targets, compiled)
        message = "; ".join(dict.fromkeys(verdict.message for verdict in ancestors if verdict.message))
        return Verdict(policy.ref, True, "Accepted", message, ancestors=ancestors)

    def _at(self, policy: p.CostPolicy, to: s.Target) -> tuple[s.Policy | None, AncestorVerdict]:
        missing = self._missing(to)
        # Its own namespace is there, whatever is known yet: the policy is in it.
        if missing is not None and to.kind != "Namespace":
            return None, AncestorVerdict(to, False, "TargetNotFound", missing)
        compiled, result = self.memory.over(policy, to, self.platform)
        if compiled is None:
            return None, AncestorVerdict(to, False, "Conflicted", _clash(result), result.overridden_by)
        accounts = policy.spec.workloads.service_accounts
        winners = self.claims.winners(to, accounts)
        if winners:
            message = f"{', '.join(winners)} goes before it at {shown(to)} and leaves nothing to it"
            return compiled, AncestorVerdict(to, False, "Conflicted", message, result.overridden_by)
        self.claims.claim(to, accounts, policy.ref)
        return compiled, AncestorVerdict(to, True, "Accepted", _replaced(result), result.overridden_by)

    def _take(self, targets: Iterable[s.Target], compiled: Iterable[s.Policy | None]) -> None:
        """Targets at which a policy is the same share one entry."""
        at: dict[s.Policy, list[s.Target]] = {}
        for to, policy in zip(targets, compiled, strict=True):
            if policy is not None and to.kind == "Namespace":
                self.policies.append(policy)
            elif policy is not None:
                at.setdefault(policy, []).append(to)
        self.destinations += [s.Destination(tuple(sorted(found)), policy) for policy, found in at.items()]

    def platform_verdict(self, policy: ClusterCostPolicy) -> Verdict:
        ancestors = tuple(self._platform_at(policy, to) for to in targets_of_platform(policy))
        best = next((verdict for verdict in ancestors if verdict.accepted), ancestors[0])
        return Verdict(policy.ref, best.accepted, best.reason, best.message, "ClusterCostPolicy", ancestors)

    def _platform_at(self, policy: ClusterCostPolicy, to: s.Target) -> AncestorVerdict:
        missing = self._missing(to)
        if missing is not None:
            return AncestorVerdict(to, False, "TargetNotFound", missing)
        return self.platform.verdict(policy, to)

    def fall_back(self, namespaces: set[str]) -> None:
        """Adds what governs where no team's policy does: in `namespaces`, in those that are known otherwise, and at the
        destinations that the platform names."""
        named = sorted({to for policy in self.platform.policies for to in targets_of_platform(policy)})
        there = [to for to in named if to.kind != "Cluster" and self._missing(to) is None]
        known = namespaces | {to.name for to in there if to.kind == "Namespace"}
        known |= self.facts.namespaces() if self.facts else set()
        for name in namespaces_reached(self.platform.policies, known):
            alone = self.platform.alone(target("Namespace", "", name))
            self.policies += [alone] if alone else []
        for to in there:
            alone = self.platform.alone(to) if to.kind != "Namespace" else None
            self.destinations += [s.Destination((to,), alone)] if alone else []

    def _missing(self, to: s.Target) -> str | None:
        if self.facts is not None:
            return self.facts.missing(to)
        if to.kind in ("Cluster", "Namespace"):
            return None
        return f"{shown(to)} is not known: only in a cluster are there targets other than namespaces"


def _refused_platform(policy: ClusterCostPolicy, earlier: Iterable[ClusterCostPolicy]) -> Verdict | None:
    """Why it cannot be taken at all; None where it can."""
    targets = targets_of_platform(policy)
    if any(other.ref == policy.ref for other in earlier):
        message = f"another policy named {policy.ref} goes before this one: rename it, or remove one of them"
        return _refusal(policy.ref, "Conflicted", message, targets, "ClusterCostPolicy")
    found = tuple(cluster_findings(policy.model_dump(by_alias=True)))
    if found:
        return _refusal(policy.ref, "Invalid", _sentences(found), targets, "ClusterCostPolicy")
    return None


def _refusal(
    ref: str,
    reason: Reason,
    message: str,
    targets: Iterable[s.Target],
    kind: Literal["CostPolicy", "ClusterCostPolicy"] = "CostPolicy",
) -> Verdict:
    ancestors = tuple(AncestorVerdict(to, False, reason, message) for to in targets)
    return Verdict(ref, False, reason, message, kind, ancestors)


def _clash(result: Merged) -> str:
    platform = ", ".join(result.overridden_by)
    return f"ClusterCostPolicy {platform} overrides parts of it, and the rest no longer holds: " + _sentences(
        result.findings
    )


def _replaced(result: Merged) -> str:
    return f"parts of it are overridden by ClusterCostPolicy {', '.join(result.overridden_by)}" * bool(
        result.overridden_by
    )


def _sentences(found: Iterable[Finding]) -> str:
    return "; ".join(_each(found))


def _each(found: Iterable[Finding]) -> Iterator[str]:
    yield from (f"{render_path(finding.path)}: {finding.message}" for finding in found)
