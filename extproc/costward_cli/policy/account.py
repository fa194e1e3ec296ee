"""What a policy would do for one caller, worked out by the functions that decide in the data plane.

Pure: prices and the present moment are handed in. Every field is plain enough to be JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from costward_contract.snapshot import HeaderSource, LadderStep, Policy, Snapshot
from costward_extproc.core import caps
from costward_extproc.core.case import quoted_by
from costward_extproc.core.decide import Features, Plan, plan
from costward_extproc.core.identity import Caller, Workload, governing, identify
from costward_extproc.core.money import Quote
from costward_extproc.core.windows import window_of

_PPM = 1_000_000
_NO_KEY = b""
"""Digests are only compared with None here, so their key does not matter."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The caller and the request that the account is for."""

    workload: Workload
    user: str | None = None
    tier: str | None = None
    model: str | None = None
    """None: every name that the policy knows."""
    task_type: str | None = None
    tools: bool = False
    prompt_tokens: int = 100


@dataclass(frozen=True, slots=True)
class Governed:
    policy: str
    selects: bool
    """Whether it selects the workload at all; the first that does governs it."""
    governs: bool


@dataclass(frozen=True, slots=True)
class Price:
    """µ$ per million tokens."""

    rung: str
    model: str
    input: int
    output: int
    cached_input: int
    source: str


@dataclass(frozen=True, slots=True)
class Held:
    """A cap of this caller in the window of now."""

    cap: str
    per: str
    window: str
    limit: int
    began_at: str
    resets_at: str


@dataclass(frozen=True, slots=True)
class Begins:
    """A ladder step, and from which spend (µ$) it holds on each cap."""

    at_percent: float
    action: str
    rung: str | None
    text: str | None
    deliver: str
    from_spend: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cached:
    mode: str
    scope: str
    has_place: bool
    """Whether this caller's requests have a place in the cache at all."""
    ttl_s: int
    threshold: float | None
    bypass: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Goes:
    """Where a request for `asked` goes, below the ladder or on one of its steps."""

    asked: str
    step: str | None
    model: str
    rung: str | None
    rule: str | None
    rule_rung: str | None
    enforced: bool
    degraded: bool
    baseline_model: str
    """The model that it would have got without Costward."""


@dataclass(frozen=True, slots=True)
class Account:
    workload: str
    policies: tuple[Governed, ...]
    policy: str
    owner: str
    contact: str | None
    priority: int
    service_accounts: tuple[str, ...]
    tier: str
    user_known: bool
    remarks: tuple[str, ...]
    """What was given about the caller and does not count."""
    prices: tuple[Price, ...]
    aliases: dict[str, tuple[str, ...]]
    caps: tuple[Held, ...]
    ladder: tuple[Begins, ...]
    cache: Cached
    routing_mode: str
    rewrites_named_models: bool
    goes: tuple[Goes, ...]
    on_ledger_failure: str
    failure_policy: str
    unpriced: str


def account(snapshot: Snapshot, asking: Asking, catalogue: Callable[[str], Quote], now: float) -> Account | None:
    """None where no policy governs the workload. `now`: unix seconds."""
    policy = governing(snapshot, asking.workload)
    if policy is None:
        return None
    caller = identify(_headers(policy, asking), asking.workload, policy, _NO_KEY)
    return Account(
        workload=str(asking.workload),
        policies=tuple(_governed(snapshot, asking.workload, policy)),
        policy=policy.ref,
        owner=policy.owner.team,
        contact=policy.owner.contact,
        priority=policy.priority,
        service_accounts=policy.service_accounts,
        tier=caller.tier.name,
        user_known=caller.user is not None,
        remarks=tuple(_remarks(policy, asking, caller)),
        prices=tuple(_price(policy, rung.name, rung.model, catalogue) for rung in policy.models),
        aliases={alias.name: alias.rungs for alias in policy.aliases},
        caps=tuple(_held(policy, caller, now)),
        ladder=tuple(_begins(step, caller) for step in caller.tier.ladder),
        cache=_cached(policy, caller),
        routing_mode=policy.routing.mode,
        rewrites_named_models=policy.routing.rewrite_named_models,
        goes=tuple(_goes(policy, asking, caller)),
        on_ledger_failure=caller.tier.on_ledger_failure,
        failure_policy=policy.failure_policy,
        unpriced=policy.unpriced,
    )


def _headers(policy: Policy, asking: Asking) -> dict[str, str]:
    """The headers by which the caller would say who it is."""
    given = ((policy.identity.user, asking.user), (policy.identity.tier, asking.tier))
    return {source.header: value for source, value in given if source is not None and value is not None}


def _governed(snapshot: Snapshot, workload: Workload, first: Policy) -> Iterator[Governed]:
    for policy in snapshot.policies:
        alone = governing(Snapshot((policy,)), workload)
        yield Governed(policy.ref, selects=alone is not None, governs=policy is first)


def _remarks(policy: Policy, asking: Asking, caller: Caller) -> Iterator[str]:
    yield from _disbelieved("user", policy.identity.user, asking.user, asking.workload)
    yield from _disbelieved("tier", policy.identity.tier, asking.tier, asking.workload)
    if (
        policy.identity.tier is not None
        and asking.tier is not None
        and asking.tier not in {tier.name for tier in policy.tiers}
    ):
        yield f"there is no tier {asking.tier!r}: the caller belongs to {caller.tier.name!r}"


def _disbelieved(what: str, source: HeaderSource | None, given: str | None, workload: Workload) -> Iterator[str]:
    if given is None:
        return
    if source is None:
        yield f"the policy reads no {what} (identity.{what}), so the one given does not count"
    elif workload.service_account not in source.trusted_from:
        trusted = ", ".join(source.trusted_from)
        yield (
            f"the {what} in {source.header} is believed from {trusted} only, "
            f"not from {workload.service_account}: it does not count"
        )


def _price(policy: Policy, rung: str, model: str, catalogue: Callable[[str], Quote]) -> Price:
    quote = quoted_by(policy, catalogue, model)
    return Price(rung, model, quote.rates.input, quote.rates.output, quote.rates.cached_input, quote.source)


def _held(policy: Policy, caller: Caller, now: float) -> Iterator[Held]:
    for charge in caps.charges(policy, caller, now):
        cap = charge.cap
        began, _ = window_of(cap.window, now)
        since = caps.instant(began) if charge.resets_at is not None else "ever"
        yield Held(cap.id, cap.per, cap.window, cap.limit, since, caps.instant(charge.resets_at))


def _begins(step: LadderStep, caller: Caller) -> Begins:
    # Rounded up: below that spend the share is still below the step.
    spend = {cap.id: -(-cap.limit * step.at_ppm // _PPM) for cap in caller.tier.caps}
    return Begins(step.at_ppm / 10_000, step.action, step.rung, step.text, step.deliver, spend)


def _cached(policy: Policy, caller: Caller) -> Cached:
    cache = policy.cache
    return Cached(
        mode=cache.mode,
        scope=cache.scope,
        has_place=cache.mode != "Off" and (cache.scope != "User" or caller.user is not None),
        ttl_s=cache.ttl_s,
        threshold=cache.semantic.ppm / _PPM if cache.semantic else None,
        bypass=cache.bypass,
    )


def _goes(policy: Policy, asking: Asking, caller: Caller) -> Iterator[Goes]:
    features = Features(asking.task_type, asking.tools, asking.prompt_tokens)
    steps: list[LadderStep | None] = [None, *(step for step in caller.tier.ladder if step.action == "UseModel")]
    for asked in _names(policy, asking):
        for step in steps:
            chosen = plan(policy, asked, features, step, route_off=False)
            if step is None or chosen.degraded:
                yield _where(asked, step, chosen)


def _names(policy: Policy, asking: Asking) -> tuple[str, ...]:
    if asking.model is not None:
        return (asking.model,)
    return tuple(dict.fromkeys([*(alias.name for alias in policy.aliases), *(rung.model for rung in policy.models)]))


def _where(asked: str, step: LadderStep | None, chosen: Plan) -> Goes:
    return Goes(
        asked=asked,
        step=f"from {step.at_ppm / 10_000:g}%" if step is not None else None,
        model=chosen.model,
        rung=chosen.rung.name if chosen.rung is not None else None,
        rule=chosen.route.rule,
        rule_rung=chosen.route.rung,
        enforced=chosen.route.enforced,
        degraded=chosen.degraded,
        baseline_model=chosen.wanted,
    )
