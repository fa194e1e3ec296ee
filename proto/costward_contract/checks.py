"""What must hold between the fields of a policy: names that are used exist, and all that is written can come to count.

Each rule looks at a document as plain values and yields what it finds; a part that is malformed in itself is the
model's business and skipped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from costward_contract.problem import Finding
from costward_contract.quantities import micro_usd, percent_ppm, seconds
from costward_contract.rules import DEFAULT_TIER, PLACEHOLDERS, RESERVED_HEADERS, RuleName
from costward_contract.targets import GROUPS, SECTIONED
from costward_contract.tree import Tree

_WHOLE_PPM = 1_000_000

_BELONGS: tuple[tuple[RuleName, str, str], ...] = (
    ("step-model", "model", "UseModel"),
    ("step-text", "text", "Message"),
    ("step-as", "as", "Message"),
)
"""Which field of a ladder step belongs to which action; all but `as` are required by it."""


def findings(document: object) -> Iterator[Finding]:
    """Everything that is wrong between the fields of one CostPolicy, in document order by rule."""
    policy = Tree(document)
    spec = policy["spec"]
    namespace = policy["metadata"]["namespace"].text or "default"
    for ref in spec["targetRefs"].items():
        yield from _target(ref)
        if ref["kind"].text == "Namespace" and ref["name"].text not in (None, namespace):
            yield ref["name"].finding("target-own-namespace", "a policy governs its own namespace only", namespace)
    yield from _targets_twice(spec["targetRefs"])
    yield from _twice("account-twice", spec["workloads"]["serviceAccounts"].items())
    yield from block_findings(spec, has_user=bool(spec["identity"]["user"]))


def cluster_findings(document: object) -> Iterator[Finding]:
    """Everything that is wrong between the fields of one ClusterCostPolicy. A cap per user needs no identity here:
    where a team's policy does not say who the user is, it counts for the workload as one anonymous user."""
    spec = Tree(document)["spec"]
    for ref in spec["targetRefs"].items():
        yield from _target(ref)
        yield from _target_namespace(ref)
    yield from _targets_twice(spec["targetRefs"])
    if spec.value is not None and not spec["defaults"] and not spec["overrides"]:
        yield spec.finding("block-missing", "says nothing", "defaults, overrides or both")
    for block in (spec["defaults"], spec["overrides"]):
        yield from block_findings(block, has_user=True)


def block_findings(spec: Tree, *, has_user: bool) -> Iterator[Finding]:
    """What is wrong in what a team says of itself, or the platform for all teams."""
    yield from _models(spec)
    yield from _identity(spec)
    for tier in spec["tiers"].items():
        yield from _caps(tier["caps"], has_user=has_user)
        yield from _ladder(tier, spec["models"].texts("name"))
    yield from _cache(spec)
    for rule in spec["routing"]["rules"].items():
        yield from _rule(rule, spec["models"].texts("name"))
    yield from _fallback(spec["routing"]["fallback"], spec)


def _target(ref: Tree) -> Iterator[Finding]:
    group = next((group for kind, group in GROUPS.items() if kind == ref["kind"].text), None)
    if group is not None and (ref["group"].text or "") != group:
        yield ref["group"].finding("target-group", f"is not the group of {ref['kind'].text}", f'"{group}"')
    if ref["sectionName"].text and ref["kind"].text not in SECTIONED:
        yield ref["sectionName"].finding("target-section", "only a Gateway and an HTTPRoute have sections")


def _target_namespace(ref: Tree) -> Iterator[Finding]:
    if ref["kind"].text == "Namespace" and ref["namespace"].text:
        yield ref["namespace"].finding("target-namespace", "a Namespace is in no namespace", "leave it out")
    if ref["kind"].text not in (None, "Namespace") and not ref["namespace"].text:
        yield ref["namespace"].finding("target-namespace", "is required, except for a Namespace", "its namespace")


def _targets_twice(refs: Tree) -> Iterator[Finding]:
    seen: set[tuple[str, ...]] = set()
    for ref in refs.items():
        key = tuple(ref[name].text or "" for name in ("group", "kind", "namespace", "name", "sectionName"))
        if key in seen:
            yield ref["name"].finding("target-twice", "is given twice in this list")
        seen.add(key)


def _models(spec: Tree) -> Iterator[Finding]:
    rungs = spec["models"].texts("name")
    taken = {*rungs, *spec["models"].texts("model")}
    yield from _twice("model-twice", (rung["name"] for rung in spec["models"].items()))
    yield from _twice("model-twice", (rung["model"] for rung in spec["models"].items()))
    for alias in spec["aliases"].entries():
        if alias.path[-1] in taken:
            message = "an alias must differ from every model and rung, or it would hide that one"
            yield Finding(alias.path, message, rule="alias-hides")
        yield from _alias(alias, rungs)


def _alias(alias: Tree, rungs: list[str]) -> Iterator[Finding]:
    ends = (alias.text or "").split("..")
    if not all(ends):
        return
    unknown = [end for end in ends if end not in rungs]
    for end in unknown:
        yield alias.finding("alias-target", f"{end} is not in spec.models", _among(rungs))
    if len(ends) == 2 and not unknown and rungs.index(ends[0]) >= rungs.index(ends[1]):
        message = f"{ends[0]} does not stand before {ends[1]} in spec.models"
        yield alias.finding("alias-target", message, "the cheaper rung first")


def _identity(spec: Tree) -> Iterator[Finding]:
    identity = spec["identity"]
    headers = [identity["user"]["header"], identity["tier"]["header"], *identity["session"]["headers"].items()]
    for header in headers:
        if (header.text or "").lower().startswith(RESERVED_HEADERS):
            message = f"{RESERVED_HEADERS}* headers are Costward's own and never reach a policy"
            yield header.finding("header-reserved", message)
    yield from _twice("session-header-twice", identity["session"]["headers"].items())
    for source in (identity["user"], identity["tier"]):
        yield from _twice("trusted-twice", source["trustedFrom"].items())
    yield from _twice("tier-twice", (tier["name"] for tier in spec["tiers"].items()))
    tiers = spec["tiers"].texts("name") or [DEFAULT_TIER]
    if identity["tier"]["default"].text not in (None, *tiers):
        yield identity["tier"]["default"].finding("tier-default", "is not in spec.tiers", _among(tiers))
    for tier in list(spec["tiers"].items())[1:]:
        if not identity["tier"]:
            message = "nobody can be in this tier: spec.identity.tier does not say who is in which"
            yield tier["name"].finding("tier-unreachable", message)


def _caps(caps: Tree, *, has_user: bool) -> Iterator[Finding]:
    seen: set[tuple[str | None, str | None]] = set()
    for cap in caps.items():
        per, window = cap["per"].text, cap["window"]
        if per == "Session" and window:
            message = "a session has no window: its cap counts for as long as it lasts"
            yield window.finding("session-window", message, "leave window out")
        if per is not None and per != "Session" and not window:
            yield window.finding("cap-window", "is required", "Minute, Hour, Day, Week or Month")
        if per == "User" and not has_user:
            message = "spec.identity.user does not say who the user is"
            yield cap["per"].finding("cap-user", message, "declare identity.user")
        if _amount(micro_usd, cap["limitUSD"]) == 0:
            message = "a limit of nothing refuses every request"
            yield cap["limitUSD"].finding("cap-limit", message, "an amount above zero")
        if per is not None and (per, window.text) in seen:
            yield cap["per"].finding("cap-twice", "another cap of this tier has the same subject and window")
        seen.add((per, window.text))


def _ladder(tier: Tree, rungs: list[str]) -> Iterator[Finding]:
    before = 0
    for step in tier["ladder"].items():
        at = _amount(percent_ppm, step["at"])
        if at is not None and not 0 < at <= _WHOLE_PPM:
            yield step["at"].finding("step-share", "is not a share of a limit", "above 0% and up to 100%")
        elif at is not None and at <= before:
            yield step["at"].finding("step-rises", "steps must rise: this one does not begin above the one before it")
        before = max(before, at) if at is not None and at <= _WHOLE_PPM else before
        yield from _step(step, rungs)
    if tier["ladder"].value and not tier["caps"].value:
        yield tier["ladder"].finding("ladder-without-caps", "can never be climbed: this tier has no caps")


def _step(step: Tree, rungs: list[str]) -> Iterator[Finding]:
    action = step["action"].text
    if action is None:
        return
    for rule, name, owner in _BELONGS:
        if step[name] and action != owner:
            yield step[name].finding(rule, f"belongs to {owner}; this step is {action}", "leave it out")
        if not step[name] and action == owner and name != "as":
            yield step[name].finding(rule, f"is required by {action}")
    if action == "UseModel" and step["model"].text not in (None, *rungs):
        yield step["model"].finding("step-rung", "is not in spec.models", _among(rungs))
    if not _is_template(step["text"].text or ""):
        yield step["text"].finding(
            "step-placeholder", "has a brace that is no placeholder", " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        )


def _is_template(text: str) -> bool:
    return not re.search(r"[{}]", re.sub(rf"\{{({'|'.join(PLACEHOLDERS)})\}}", "", text))


def _cache(spec: Tree) -> Iterator[Finding]:
    cache = spec["cache"]
    if cache["scope"].text == "User" and not spec["identity"]["user"]:
        message = "spec.identity.user does not say who the user is"
        yield cache["scope"].finding("cache-user", message, "Tenant, Workload or Policy")
    if _amount(seconds, cache["ttl"]) == 0:
        yield cache["ttl"].finding("cache-ttl", "an answer must live for a time", "a second or longer")
    yield from _twice("bypass-twice", cache["bypass"].items())


def _rule(rule: Tree, rungs: list[str]) -> Iterator[Finding]:
    when = rule["when"]
    if when.value is not None and not any(when.entries()):
        yield when.finding(
            "when-empty", "holds for every request", "taskType, tools, minPromptTokens or maxPromptTokens"
        )
    low, high = when["minPromptTokens"], when["maxPromptTokens"]
    if low.number is not None and high.number is not None and low.number > high.number:
        yield low.finding("when-never", "is above maxPromptTokens: the rule never holds")
    if rule["use"].text not in (None, *rungs):
        yield rule["use"].finding("rule-rung", "is not in spec.models", _among(rungs))


def _fallback(fallback: Tree, spec: Tree) -> Iterator[Finding]:
    if not fallback:
        return
    yield from _twice("after-twice", fallback["after"].items())
    if _amount(seconds, fallback["firstByteWithin"]) == 0:
        yield fallback["firstByteWithin"].finding(
            "first-byte", "an answer must be given time to begin", "a second or longer"
        )
    if len(spec["models"].texts("name")) < 2:
        yield fallback.finding("fallback-alone", "there is no other rung to try", "two models at least")


def _twice(rule: RuleName, values: Iterable[Tree]) -> Iterator[Finding]:
    seen: set[str] = set()
    for value in values:
        if value.text is not None and value.text in seen:
            yield value.finding(rule, "is given twice in this list")
        seen.add(value.text or "")


def _amount(read: Callable[[str], int], value: Tree) -> int | None:
    try:
        return read(value.text) if value.text is not None else None
    except ValueError:
        return None


def _among(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) if names else "none: declare it first"
