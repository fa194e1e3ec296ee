"""What a team's policy becomes under the platform's: defaults fill in, overrides replace, caps add up.

Parts go over as a whole, since their fields lean on each other: half a ladder of one owner and half of another's would
be nobody's. Nothing here can lift a cap of the platform: a team's policy that cannot stand with it is not taken, and
what the platform says for all governs instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.attachment import Chain
from costward_contract.checks import block_findings
from costward_contract.problem import Finding
from costward_contract.tree import Tree
from costward_contract.values import compiled_tier

PARTS: tuple[tuple[str, ...], ...] = (
    ("models", "aliases"),
    ("identity",),
    ("tiers",),
    ("cache",),
    ("routing",),
    ("unpriced",),
    ("failure_policy",),
)
"""What goes over as a whole, in the order in which parts lean on each other: tiers use rungs and identities."""

_CAPS = ("tiers",)
"""Of overrides it adds caps instead of replacing."""

_ALONE = (("unpriced",), ("failure_policy",))
"""Parts that no rule ties to another: they can stand anywhere, so ten thousand policies need no look at them."""

Settled: TypeAlias = Mapping[tuple[str, ...], tuple[str, p.Block]]
"""The override that counts for each part: whose it is, and the block that says it."""

BlockT = TypeVar("BlockT", bound=p.Block)


@dataclass(frozen=True, slots=True)
class Merged:
    spec: p.Spec
    overridden_by: tuple[str, ...] = ()
    """Who replaced a part that the policy says itself, sorted."""
    findings: tuple[Finding, ...] = ()
    """What no longer holds with the parts of the platform in it; empty where it can be taken."""


def says(block: p.Block | None, part: tuple[str, ...]) -> bool:
    """Whether the owner wrote it. What the API server fills in would count too, so the CRDs have no default for it."""
    return block is not None and not block.model_fields_set.isdisjoint(part)


def unsound(block: p.Block) -> tuple[Finding, ...]:
    """What is wrong between parts of several owners. Two rules do not count then, for the data plane has an answer: a
    cap per user without an identity counts for the workload as one anonymous user, and a default tier that is not
    there means the first one."""
    found = block_findings(Tree(block.model_dump(by_alias=True), ("spec",)), has_user=True)
    return tuple(finding for finding in found if finding.rule != "tier-default")


def settled(chain: Chain) -> Settled:
    """Whose override of each part counts: the first that says it, where it can stand with those before it."""
    base = p.Block()
    found: dict[tuple[str, ...], tuple[str, p.Block]] = {}
    for policy in chain.overrides:
        block = policy.spec.overrides or p.Block()
        for part in PARTS:
            if part == _CAPS or part in found or not says(block, part):
                continue
            candidate = _with(base, part, block)
            if not unsound(candidate):
                base, found[part] = candidate, (policy.ref, block)
    return found


def merged(spec: p.Spec, chain: Chain, overrides: Settled) -> Merged:
    """The overrides, and then defaults where nobody has said a part yet and they can stand with the rest."""
    result = spec
    for part, (_, block) in overrides.items():
        result = _with(result, part, block)
    found = () if all(part in _ALONE for part in overrides) else unsound(result)
    replaced = {ref for part, (ref, _) in overrides.items() if says(spec, part)}
    for part in PARTS:
        if not says(result, part) and not found:
            result = _with_default(result, part, chain)
    return Merged(_with_tiers_of_overrides(result, chain), tuple(sorted(replaced)), found)


def _with_default(spec: p.Spec, part: tuple[str, ...], chain: Chain) -> p.Spec:
    block = next((block for policy in chain.defaults if says(block := policy.spec.defaults, part)), None)
    if block is None:
        return spec
    candidate = _with(spec, part, block)
    return candidate if part in _ALONE or not unsound(candidate) else spec


def _with_tiers_of_overrides(spec: p.Spec, chain: Chain) -> p.Spec:
    """Where nobody declares tiers, those by which the platform tells its caps apart; the caps themselves come later."""
    blocks = (policy.spec.overrides for policy in chain.overrides)
    theirs = next((block.tiers for block in blocks if block is not None and block.tiers), ())
    if spec.tiers or not theirs:
        return spec
    named = spec.model_copy(update={"tiers": tuple(p.TierSpec(name=tier.name) for tier in theirs)})
    return spec if unsound(named) else named


def _with(block: BlockT, part: tuple[str, ...], source: p.Block) -> BlockT:
    return block.model_copy(update={name: getattr(source, name) for name in part})


def with_platform_caps(tiers: Sequence[s.Tier], chain: Chain, rungs: Sequence[str]) -> tuple[s.Tier, ...]:
    """The tiers with the caps of all overrides added. `rungs`: names of the ladder that override steps may use."""
    result = tuple(tiers)
    for policy in chain.overrides:
        theirs = policy.spec.overrides.tiers if policy.spec.overrides else ()
        if theirs:
            result = tuple(_held(tier, _tier_for(tier.name, theirs), policy.ref, rungs) for tier in result)
    return result


def _tier_for(name: str, theirs: Sequence[p.TierSpec]) -> p.TierSpec:
    """The override's tier of this name, else its first: a new name for a tier lifts no cap."""
    return next((tier for tier in theirs if tier.name == name), theirs[0])


def _held(own: s.Tier, spec: p.TierSpec, platform: str, rungs: Sequence[str]) -> s.Tier:
    theirs = compiled_tier(spec)
    caps = tuple(_platform_cap(cap, platform) for cap in theirs.caps)
    ladder = theirs.ladder if theirs.ladder and all(step.rung in (None, *rungs) for step in theirs.ladder) else None
    return s.Tier(
        name=own.name,
        caps=(*(cap for cap in own.caps if not _is_idle(cap, theirs.caps)), *caps),
        ladder=own.ladder if ladder is None else ladder,
        on_ledger_failure="Closed" if "Closed" in (own.on_ledger_failure, theirs.on_ledger_failure) else "Open",
    )


def _platform_cap(cap: s.Cap, platform: str) -> s.Cap:
    # Per tier means the override's own: counted by the team's names, a second tier would be a second budget.
    per: s.CapSubject = "Policy" if cap.per == "Tier" else cap.per
    return replace(cap, id=f"{platform}/{cap.id}", per=per, scope=platform)


def _is_idle(cap: s.Cap, theirs: Sequence[s.Cap]) -> bool:
    """Whether the platform names the same cap as tightly: its counter holds this one's spend and more, so this one
    could never be the first to refuse."""
    return not cap.scope and any(
        (other.per, other.window) == (cap.per, cap.window) and other.limit <= cap.limit for other in theirs
    )
