"""Policies as their owners wrote them -> the snapshot that the data plane decides by.

Pure, and the same for file, CLI and operator. The same policies in any order give the same snapshot, and a policy that
cannot be taken harms only itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.checks import findings
from costward_contract.codec import seal
from costward_contract.problem import Finding, render_path
from costward_contract.quantities import micro_usd, percent_ppm, seconds, similarity_ppm
from costward_contract.rules import DEFAULT_TIER

Reason = Literal["Accepted", "Conflicted", "Invalid", "TargetNotFound"]
"""Reasons of the condition `Accepted`, as in GEP-713. Conflicted: an earlier policy has this namespace and name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    ref: str
    """`namespace/name`."""
    accepted: bool
    reason: Reason
    message: str


def compile_policies(policies: Sequence[p.CostPolicy]) -> tuple[s.Snapshot, tuple[Verdict, ...]]:
    """The sealed snapshot of the policies that can be taken, and a verdict on each, both in order of precedence."""
    compiled: dict[str, s.Policy] = {}
    verdicts: list[Verdict] = []
    for policy in sorted(policies, key=_precedence):
        verdict = _judge(policy, taken=policy.ref in compiled)
        verdicts.append(verdict)
        if verdict.accepted:
            compiled[policy.ref] = _policy(policy)
    return seal(s.Snapshot(tuple(compiled.values()))), tuple(verdicts)


def _precedence(policy: p.CostPolicy) -> tuple[int, bool, str, str, str, str]:
    """Highest priority, then oldest, then by name; the whole content last, so that equals have an order too."""
    created = policy.metadata.creation_timestamp
    place = (policy.metadata.namespace, policy.metadata.name)
    return (-policy.spec.priority, created is None, created or "", *place, policy.model_dump_json())


def _judge(policy: p.CostPolicy, *, taken: bool) -> Verdict:
    if taken:
        message = f"another policy named {policy.ref} goes before this one: rename it, or remove one of them"
        return Verdict(policy.ref, False, "Conflicted", message)
    found = tuple(findings(policy.model_dump(by_alias=True)))
    if found:
        return Verdict(policy.ref, False, "Invalid", "; ".join(_sentence(finding) for finding in found))
    unknown = next((ref for ref in policy.spec.target_refs if ref.kind != "Namespace"), None)
    if unknown is not None:
        return Verdict(policy.ref, False, "TargetNotFound", f"no {unknown.kind} is known here")
    return Verdict(policy.ref, True, "Accepted", "")


def _sentence(finding: Finding) -> str:
    return f"{render_path(finding.path)}: {finding.message}"


def _policy(policy: p.CostPolicy) -> s.Policy:
    spec = policy.spec
    models = tuple(_rung(model) for model in spec.models)
    aliases = _aliases(spec)
    identity = _identity(spec.identity)
    cache = _cache(spec)
    return s.Policy(
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
        generation=policy.metadata.generation,
        cache_epoch=_epoch(cache, identity, models, aliases),
        owner=s.Owner(spec.owner.team, spec.owner.contact),
        priority=spec.priority,
        service_accounts=tuple(sorted(set(spec.workloads.service_accounts))),
        models=models,
        aliases=aliases,
        identity=identity,
        tiers=tuple(_tier(tier) for tier in spec.tiers) or (s.Tier(DEFAULT_TIER),),
        cache=cache,
        routing=_routing(spec.routing),
        failure_policy=spec.failure_policy,
        unpriced=spec.unpriced,
    )


def _epoch(cache: s.CachePolicy, identity: s.Identity, models: tuple[s.Rung, ...], aliases: tuple[s.Alias, ...]) -> str:
    """16 hex digits: 64 bits tell apart any number of edits that one policy will ever see. The mode is not among the
    parts: what was gathered in Observe is what Enforce begins with."""
    parts = [
        asdict(replace(cache, mode="Observe")),
        asdict(identity),
        [asdict(model) for model in models],
        [asdict(alias) for alias in aliases],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _rung(model: p.ModelSpec) -> s.Rung:
    price = model.price
    if price is None:
        return s.Rung(model.name, model.model)
    cached = micro_usd(price.cached_input) if price.cached_input is not None else None
    return s.Rung(model.name, model.model, s.PriceOverride(micro_usd(price.input), micro_usd(price.output), cached))


def _aliases(spec: p.Spec) -> tuple[s.Alias, ...]:
    names = [model.name for model in spec.models]
    return tuple(s.Alias(alias, _between(target, names)) for alias, target in sorted(spec.aliases.items()))


def _between(target: str, names: list[str]) -> tuple[str, ...]:
    first, _, last = target.partition("..")
    return tuple(names[names.index(first) : names.index(last or first) + 1])


def _identity(identity: p.IdentitySpec) -> s.Identity:
    user, tier, session = identity.user, identity.tier, identity.session
    return s.Identity(
        user=s.HeaderSource(user.header, _sorted(user.trusted_from)) if user else None,
        tier=s.HeaderSource(tier.header, _sorted(tier.trusted_from), tier.default) if tier else None,
        session_headers=session.headers if session else (),
    )


def _tier(tier: p.TierSpec) -> s.Tier:
    return s.Tier(
        name=tier.name,
        caps=tuple(_cap(tier.name, cap) for cap in tier.caps),
        ladder=tuple(_step(step) for step in tier.ladder),
        on_ledger_failure=tier.on_ledger_failure,
    )


def _cap(tier: str, cap: p.CapSpec) -> s.Cap:
    window: s.Window = cap.window or "Lifetime"
    return s.Cap(id=f"{tier}/{cap.per}/{window}", per=cap.per, window=window, limit=micro_usd(cap.limit))


def _step(step: p.StepSpec) -> s.LadderStep:
    return s.LadderStep(
        at_ppm=percent_ppm(step.at),
        action=step.action,
        rung=step.model,
        text=step.text,
        # A cap that is reached is an error to most clients: they stop, and do not take the text for an answer.
        deliver=step.deliver or "Error",
    )


def _cache(spec: p.Spec) -> s.CachePolicy:
    cache = spec.cache
    return s.CachePolicy(
        mode=cache.mode,
        scope=cache.scope or ("User" if spec.identity.user else "Workload"),
        ttl_s=seconds(cache.ttl),
        semantic=s.FixedThreshold(similarity_ppm(cache.semantic.fixed_threshold)) if cache.semantic else None,
        bypass=cache.bypass,
    )


def _routing(routing: p.RoutingSpec) -> s.RoutingPolicy:
    return s.RoutingPolicy(
        mode=routing.mode,
        rewrite_named_models=routing.rewrite_named_models,
        rules=tuple(s.RoutingRule(_when(rule.when), rule.use) for rule in routing.rules),
        fallback=_fallback(routing.fallback) if routing.fallback else None,
    )


def _fallback(fallback: p.FallbackSpec) -> s.FallbackPolicy:
    return s.FallbackPolicy(after=fallback.after, first_byte_s=seconds(fallback.first_byte_within))


def _when(when: p.WhenSpec) -> s.When:
    return s.When(when.task_type, when.tools, when.min_prompt_tokens, when.max_prompt_tokens)


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
