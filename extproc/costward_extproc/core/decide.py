"""Which model serves a request: aliases, explicit rules, and the cap ladder's degrade step.

Only names that the policy declares are ever rewritten: its aliases always, models of its ladder where the owner opted
in (`rewriteNamedModels`), or where the owner's own ladder step says `UseModel`. A degrade never moves up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costward_contract.snapshot import LadderStep, Policy, RoutingRule, Rung

from costward_extproc.core.record import RouteNote


@dataclass(frozen=True, slots=True)
class Features:
    """What explicit rules look at."""

    task_type: str | None
    tools: bool
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The rung to use. `rung` is None where the model asked for is not the policy's: it goes as it came."""

    model: str
    """The name that goes upstream."""
    rung: Rung | None
    wanted: str
    """The model that the caller would have got without rules or ladder: what `baseline` is priced at."""
    rewrite: bool
    route: RouteNote
    degraded: bool = False


def plan(policy: Policy, asked: str, features: Features, step: LadderStep | None, route_off: bool) -> Plan:
    """Where a request for the model or alias `asked` goes."""
    candidates, default = permitted(policy, asked)
    if default is None:
        return Plan(asked, None, asked, rewrite=False, route=RouteNote(None, None, enforced=False))
    index, chosen = (None, None) if route_off else _first_match(policy, features, candidates)
    enforced = chosen is not None and policy.routing.mode == "Enforce"
    rung = chosen if enforced and chosen is not None else default
    note = RouteNote(None if index is None else f"rule[{index}]", chosen.name if chosen else None, enforced)
    degraded = _degraded(policy, rung, step)
    final = degraded or rung
    return Plan(
        model=final.model,
        rung=final,
        wanted=default.model,
        rewrite=final.model != asked,
        route=note,
        degraded=degraded is not None,
    )


def permitted(policy: Policy, asked: str) -> tuple[Sequence[Rung], Rung | None]:
    """The rungs that rules may choose among, and the rung that serves without any: the highest of an alias (without
    evidence quality comes first), or the model as named."""
    for alias in policy.aliases:
        if alias.name == asked:
            rungs = [rung for rung in policy.models if rung.name in alias.rungs]
            return rungs, rungs[-1]
    named = next((rung for rung in policy.models if rung.model == asked), None)
    if named is None:
        return (), None
    if not policy.routing.rewrite_named_models:
        return (named,), named
    # Never dearer than what was asked for.
    return policy.models[: policy.models.index(named) + 1], named


def _first_match(policy: Policy, features: Features, candidates: Sequence[Rung]) -> tuple[int | None, Rung | None]:
    if policy.routing.mode == "Off":
        return None, None
    for index, rule in enumerate(policy.routing.rules):
        rung = next((rung for rung in candidates if rung.name == rule.use), None)
        if rung is not None and _holds(rule, features):
            return index, rung
    return None, None


def _holds(rule: RoutingRule, features: Features) -> bool:
    when = rule.when
    return (
        (when.task_type is None or when.task_type == features.task_type)
        and (when.tools is None or when.tools == features.tools)
        and (when.min_prompt_tokens is None or features.prompt_tokens >= when.min_prompt_tokens)
        and (when.max_prompt_tokens is None or features.prompt_tokens <= when.max_prompt_tokens)
    )


def _degraded(policy: Policy, rung: Rung, step: LadderStep | None) -> Rung | None:
    if step is None or step.action != "UseModel":
        return None
    target = next((candidate for candidate in policy.models if candidate.name == step.rung), None)
    if target is None or policy.models.index(target) >= policy.models.index(rung):
        return None
    return target


def may_serve(policy: Policy, entry_rung: str | None, plan: Plan) -> bool:
    """Whether an answer made by `entry_rung` is good enough here: never from below the rung that would be used."""
    if plan.rung is None:
        return True
    names = [rung.name for rung in policy.models]
    return entry_rung in names and names.index(entry_rung) >= names.index(plan.rung.name)
