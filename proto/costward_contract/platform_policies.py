"""The platform's side of a compilation: what reaches a target, what governs where no team says anything, and what
becomes of each ClusterCostPolicy at its targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.attachment import AncestorVerdict, Chain, chain
from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.merge import PARTS, Merged, Settled, merged, says, settled, with_platform_caps
from costward_contract.values import compiled

SUFFIX = ".cluster"
"""Of the policies that the platform's alone become. No CostPolicy can be named so: their names hold no dot."""


@dataclass(frozen=True, slots=True)
class Reach:
    chain: Chain
    overrides: Settled


@dataclass(slots=True)
class Platform:
    """`policies`: those that can be taken, in order of precedence."""

    policies: Sequence[ClusterCostPolicy]
    reaches: dict[s.Target, Reach] = field(default_factory=dict)
    """Worked out once a target: thousands of policies share a namespace."""

    def reach(self, to: s.Target) -> Reach:
        if to not in self.reaches:
            found = chain(self.policies, to)
            self.reaches[to] = Reach(found, settled(found))
        return self.reaches[to]

    def over(self, policy: p.CostPolicy, to: s.Target) -> tuple[s.Policy | None, Merged]:
        """A team's policy as it counts at one of its targets; None where it cannot stand with the overrides."""
        reach, meta = self.reach(to), policy.metadata
        result = merged(policy.spec, reach.chain, reach.overrides)
        if result.findings:
            return None, result
        own = compiled(meta.namespace, meta.name, meta.generation, result.spec)
        held = _capped(own, reach.chain)
        platform = sorted({*result.overridden_by, *_cappers(own, held, reach.chain)})
        return held, replace(result, overridden_by=tuple(platform))

    def alone(self, to: s.Target) -> s.Policy | None:
        """What governs there where no team's policy does; None where nothing of the platform reaches it."""
        reach = self.reach(to)
        if not reach.chain.overrides:
            return None
        first = reach.chain.overrides[0]
        spec = p.Spec(owner=first.spec.owner, priority=first.spec.priority)
        result = merged(spec, reach.chain, reach.overrides)
        namespace = to.name if to.kind == "Namespace" else to.namespace
        generation = first.metadata.generation
        return _capped(compiled(namespace, f"{first.ref}{SUFFIX}", generation, result.spec), reach.chain)

    def verdict(self, policy: ClusterCostPolicy, to: s.Target) -> AncestorVerdict:
        """At one of its targets, which is there."""
        winners = [self._winners(policy, to, name, part) for name, part in _parts(policy)]
        ahead = tuple(sorted({ref for refs in winners for ref in refs}))
        if winners and all(winners):
            message = f"every part of it is said by {_named(ahead)}, which goes before it here"
            return AncestorVerdict(to, False, "Conflicted", message, ahead)
        message = f"some parts of it are said by {_named(ahead)}" if ahead else ""
        return AncestorVerdict(to, True, "Accepted", message, ahead)

    def _winners(self, policy: ClusterCostPolicy, to: s.Target, block: str, part: tuple[str, ...]) -> set[str]:
        """Whose words count there for a part that this policy says; empty where its own do."""
        reach = self.reach(to)
        if block == "overrides" and part == ("tiers",):
            return set()  # Caps of overrides are added, so nobody's win.
        if part in reach.overrides:
            return {reach.overrides[part][0]} - ({policy.ref} if block == "overrides" else set())
        if block == "overrides":  # Left out, as it could not stand with those before it.
            return {ref for ref, _ in reach.overrides.values() if ref != policy.ref}
        first = next(other for other in reach.chain.defaults if says(other.spec.defaults, part))
        return {first.ref} - {policy.ref}


def _capped(policy: s.Policy, reaching: Chain) -> s.Policy:
    if not reaching.overrides:
        return policy
    tiers = with_platform_caps(policy.tiers, reaching, [rung.name for rung in policy.models])
    return replace(policy, tiers=tiers)


def _cappers(own: s.Policy, held: s.Policy, reaching: Chain) -> set[str]:
    """Whose tiers took a cap or a ladder of the policy's own away."""
    pairs = zip(own.tiers, held.tiers, strict=True)
    kept = all(set(before.caps) <= set(after.caps) and before.ladder in ((), after.ladder) for before, after in pairs)
    theirs = {policy.ref for policy in reaching.overrides if policy.spec.overrides and policy.spec.overrides.tiers}
    return set() if kept else theirs


def _parts(policy: ClusterCostPolicy) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each part that it says, with the name of the block."""
    for name, block in (("defaults", policy.spec.defaults), ("overrides", policy.spec.overrides)):
        yield from ((name, part) for part in PARTS if says(block, part))


def _named(refs: Sequence[str]) -> str:
    return f"ClusterCostPolicy {', '.join(refs)}"
