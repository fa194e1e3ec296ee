"""Policies as protobuf messages and back, field by field, so that the type checker sees both sides."""

from __future__ import annotations

from typing import TypeVar, get_args

from costward_contract import snapshot as s
from costward_contract.errors import SnapshotError
from costward_contract.v1 import snapshot_pb2 as pb

T = TypeVar("T", bound=str)

_MODES: tuple[s.Mode, ...] = get_args(s.Mode)
_SCOPES: tuple[s.Scope, ...] = get_args(s.Scope)
_SUBJECTS: tuple[s.CapSubject, ...] = get_args(s.CapSubject)
_WINDOWS: tuple[s.Window, ...] = get_args(s.Window)
_ACTIONS: tuple[s.LadderAction, ...] = get_args(s.LadderAction)
_DELIVERIES: tuple[s.MessageDelivery, ...] = get_args(s.MessageDelivery)
_ON_FAILURE: tuple[s.OnFailure, ...] = get_args(s.OnFailure)
_UNPRICED: tuple[s.Unpriced, ...] = get_args(s.Unpriced)
_FAILURES: tuple[s.UpstreamFailure, ...] = get_args(s.UpstreamFailure)
_KINDS: tuple[s.AncestorKind, ...] = get_args(s.AncestorKind)
_BYPASSES: tuple[s.Bypass, ...] = get_args(s.Bypass)


def write_policy(policy: s.Policy) -> pb.Policy:
    return pb.Policy(
        namespace=policy.namespace,
        name=policy.name,
        generation=policy.generation,
        cache_epoch=policy.cache_epoch,
        owner=pb.Owner(team=policy.owner.team, contact=policy.owner.contact),
        priority=policy.priority,
        service_accounts=policy.service_accounts,
        models=[_write_rung(rung) for rung in policy.models],
        aliases=[pb.Alias(name=alias.name, rungs=alias.rungs) for alias in policy.aliases],
        identity=_write_identity(policy.identity),
        tiers=[_write_tier(tier) for tier in policy.tiers],
        cache=_write_cache(policy.cache),
        routing=_write_routing(policy.routing),
        failure_policy=policy.failure_policy,
        unpriced=policy.unpriced,
    )


def read_policy(message: pb.Policy) -> s.Policy:
    """Raises SnapshotError where a name of a closed set is not known."""
    return s.Policy(
        namespace=message.namespace,
        name=message.name,
        generation=message.generation,
        cache_epoch=message.cache_epoch,
        owner=s.Owner(message.owner.team, message.owner.contact if message.owner.HasField("contact") else None),
        priority=message.priority,
        service_accounts=tuple(message.service_accounts),
        models=tuple(_read_rung(rung) for rung in message.models),
        aliases=tuple(s.Alias(alias.name, tuple(alias.rungs)) for alias in message.aliases),
        identity=_read_identity(message.identity),
        tiers=tuple(_read_tier(tier) for tier in message.tiers),
        cache=_read_cache(message.cache),
        routing=_read_routing(message.routing),
        failure_policy=_known(message.failure_policy, _ON_FAILURE, "failure policy"),
        # A snapshot from before the field: what held then.
        unpriced=_known(message.unpriced or "Pass", _UNPRICED, "treatment of unpriced endpoints"),
    )


def write_destination(destination: s.Destination) -> pb.Destination:
    targets = [
        pb.Target(group=to.group, kind=to.kind, namespace=to.namespace, name=to.name, section=to.section)
        for to in destination.targets
    ]
    return pb.Destination(targets=targets, policy=write_policy(destination.policy))


def read_destination(message: pb.Destination) -> s.Destination:
    """Raises SnapshotError where a name of a closed set is not known."""
    targets = tuple(
        s.Target(to.group, _known(to.kind, _KINDS, "kind of target"), to.namespace, to.name, to.section)
        for to in message.targets
    )
    return s.Destination(targets, read_policy(message.policy))


def _write_rung(rung: s.Rung) -> pb.Rung:
    if rung.price is None:
        return pb.Rung(name=rung.name, model=rung.model)
    price = pb.PriceOverride(input=rung.price.input, output=rung.price.output, cached_input=rung.price.cached_input)
    return pb.Rung(name=rung.name, model=rung.model, price=price)


def _read_rung(message: pb.Rung) -> s.Rung:
    if not message.HasField("price"):
        return s.Rung(message.name, message.model)
    price = message.price
    cached = price.cached_input if price.HasField("cached_input") else None
    return s.Rung(message.name, message.model, s.PriceOverride(price.input, price.output, cached))


def _write_identity(identity: s.Identity) -> pb.Identity:
    return pb.Identity(
        user=_write_header(identity.user) if identity.user else None,
        tier=_write_header(identity.tier) if identity.tier else None,
        session_headers=identity.session_headers,
    )


def _read_identity(message: pb.Identity) -> s.Identity:
    return s.Identity(
        user=_read_header(message.user) if message.HasField("user") else None,
        tier=_read_header(message.tier) if message.HasField("tier") else None,
        session_headers=tuple(message.session_headers),
    )


def _write_header(source: s.HeaderSource) -> pb.HeaderSource:
    return pb.HeaderSource(header=source.header, trusted_from=source.trusted_from, default=source.default)


def _read_header(message: pb.HeaderSource) -> s.HeaderSource:
    default = message.default if message.HasField("default") else None
    return s.HeaderSource(message.header, tuple(message.trusted_from), default)


def _write_tier(tier: s.Tier) -> pb.Tier:
    return pb.Tier(
        name=tier.name,
        caps=[pb.Cap(id=cap.id, per=cap.per, window=cap.window, limit=cap.limit, scope=cap.scope) for cap in tier.caps],
        ladder=[
            pb.LadderStep(at_ppm=step.at_ppm, action=step.action, rung=step.rung, text=step.text, deliver=step.deliver)
            for step in tier.ladder
        ],
        on_ledger_failure=tier.on_ledger_failure,
    )


def _read_tier(message: pb.Tier) -> s.Tier:
    return s.Tier(
        name=message.name,
        caps=tuple(_read_cap(cap) for cap in message.caps),
        ladder=tuple(_read_step(step) for step in message.ladder),
        on_ledger_failure=_known(message.on_ledger_failure, _ON_FAILURE, "reaction to a ledger failure"),
    )


def _read_cap(message: pb.Cap) -> s.Cap:
    return s.Cap(
        id=message.id,
        per=_known(message.per, _SUBJECTS, "cap subject"),
        window=_known(message.window, _WINDOWS, "cap window"),
        limit=s.MicroUSD(message.limit),
        scope=message.scope,
    )


def _read_step(message: pb.LadderStep) -> s.LadderStep:
    return s.LadderStep(
        at_ppm=message.at_ppm,
        action=_known(message.action, _ACTIONS, "ladder action"),
        rung=message.rung if message.HasField("rung") else None,
        text=message.text if message.HasField("text") else None,
        deliver=_known(message.deliver, _DELIVERIES, "message delivery"),
    )


def _write_cache(cache: s.CachePolicy) -> pb.CachePolicy:
    return pb.CachePolicy(
        mode=cache.mode,
        scope=cache.scope,
        ttl_s=cache.ttl_s,
        semantic=pb.FixedThreshold(ppm=cache.semantic.ppm) if cache.semantic else None,
        bypass=cache.bypass,
    )


def _read_cache(message: pb.CachePolicy) -> s.CachePolicy:
    return s.CachePolicy(
        mode=_known(message.mode, _MODES, "cache mode"),
        scope=_known(message.scope, _SCOPES, "cache scope"),
        ttl_s=message.ttl_s,
        semantic=s.FixedThreshold(message.semantic.ppm) if message.HasField("semantic") else None,
        bypass=tuple(_known(name, _BYPASSES, "cache bypass") for name in message.bypass),
    )


def _write_routing(routing: s.RoutingPolicy) -> pb.RoutingPolicy:
    return pb.RoutingPolicy(
        mode=routing.mode,
        rewrite_named_models=routing.rewrite_named_models,
        rules=[pb.RoutingRule(when=_write_when(rule.when), use=rule.use) for rule in routing.rules],
        fallback=_write_fallback(routing.fallback) if routing.fallback else None,
    )


def _read_routing(message: pb.RoutingPolicy) -> s.RoutingPolicy:
    return s.RoutingPolicy(
        mode=_known(message.mode, _MODES, "routing mode"),
        rewrite_named_models=message.rewrite_named_models,
        rules=tuple(s.RoutingRule(_read_when(rule.when), rule.use) for rule in message.rules),
        fallback=_read_fallback(message.fallback) if message.HasField("fallback") else None,
    )


def _write_fallback(fallback: s.FallbackPolicy) -> pb.FallbackPolicy:
    return pb.FallbackPolicy(after=fallback.after, first_byte_s=fallback.first_byte_s)


def _read_fallback(message: pb.FallbackPolicy) -> s.FallbackPolicy:
    failures = tuple(_known(name, _FAILURES, "failure of a provider") for name in message.after)
    return s.FallbackPolicy(failures, message.first_byte_s)


def _write_when(when: s.When) -> pb.When:
    return pb.When(
        task_type=when.task_type,
        tools=when.tools,
        min_prompt_tokens=when.min_prompt_tokens,
        max_prompt_tokens=when.max_prompt_tokens,
    )


def _read_when(message: pb.When) -> s.When:
    return s.When(
        task_type=message.task_type if message.HasField("task_type") else None,
        tools=message.tools if message.HasField("tools") else None,
        min_prompt_tokens=message.min_prompt_tokens if message.HasField("min_prompt_tokens") else None,
        max_prompt_tokens=message.max_prompt_tokens if message.HasField("max_prompt_tokens") else None,
    )


def _known(name: str, names: tuple[T, ...], what: str) -> T:
    for known in names:
        if known == name:
            return known
    raise SnapshotError(f"unknown {what} {name[:40]!r}: upgrade the data plane before the operator")
