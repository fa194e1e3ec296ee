"""What a policy says, turned from its owner's text into the snapshot's integers. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

from costward_contract import policy as p
from costward_contract import snapshot as s
from costward_contract.quantities import micro_usd, percent_ppm, seconds, similarity_ppm
from costward_contract.rules import DEFAULT_TIER


def compiled(namespace: str, name: str, generation: int, spec: p.Spec) -> s.Policy:
    """A spec without findings in the snapshot's units."""
    models = tuple(_rung(model) for model in spec.models)
    aliases = _aliases(spec)
    identity = _identity(spec.identity)
    cache = _cache(spec)
    return s.Policy(
        namespace=namespace,
        name=name,
        generation=generation,
        cache_epoch=_epoch(cache, identity, models, aliases),
        owner=s.Owner(spec.owner.team, spec.owner.contact),
        priority=spec.priority,
        service_accounts=tuple(sorted(set(spec.workloads.service_accounts))),
        models=models,
        aliases=aliases,
        identity=identity,
        tiers=tuple(compiled_tier(tier) for tier in spec.tiers) or (s.Tier(DEFAULT_TIER),),
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


def compiled_tier(tier: p.TierSpec) -> s.Tier:
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
