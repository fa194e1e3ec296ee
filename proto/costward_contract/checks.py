"""What must hold between the fields of a policy: names that are used exist, and all that is written can come to count.

Each rule looks at a document as plain values and yields what it finds; a part that is malformed in itself is the
model's business and skipped here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from costward_contract.problem import Finding
from costward_contract.quantities import micro_usd, percent_ppm, seconds
from costward_contract.tree import Tree

PLACEHOLDERS = ("cap", "limit", "spent", "resetsAt", "tier", "policy", "owner", "contact")
"""What a message may name in braces."""

DEFAULT_TIER = "default"
"""Name of the one tier of a policy that declares none."""

RESERVED_HEADERS = "x-costward-"
"""Costward's own request headers; they are stripped, so an identity in them would be lost."""

_WHOLE_PPM = 1_000_000


def findings(document: object) -> Iterator[Finding]:
    """Everything that is wrong between the fields of one policy, in document order by rule."""
    policy = Tree(document)
    spec = policy["spec"]
    yield from _target_refs(spec["targetRefs"], policy["metadata"]["namespace"].text or "default")
    yield from _models(spec)
    yield from _identity(spec)
    for tier in spec["tiers"].items():
        yield from _caps(tier["caps"], has_user=bool(spec["identity"]["user"]))
        yield from _ladder(tier, spec["models"].texts("name"))
    yield from _cache(spec)
    for rule in spec["routing"]["rules"].items():
        yield from _rule(rule, spec["models"].texts("name"))
    yield from _fallback(spec["routing"]["fallback"], spec)


def _target_refs(refs: Tree, namespace: str) -> Iterator[Finding]:
    for ref in refs.items():
        if ref["kind"].text == "Namespace" and ref["name"].text not in (None, namespace):
            yield ref["name"].finding("a policy governs its own namespace only", namespace)
    yield from _twice(ref["name"] for ref in refs.items() if ref["kind"].text == "Namespace")


def _models(spec: Tree) -> Iterator[Finding]:
    rungs = spec["models"].texts("name")
    taken = {*rungs, *spec["models"].texts("model")}
    yield from _twice(rung["name"] for rung in spec["models"].items())
    yield from _twice(rung["model"] for rung in spec["models"].items())
    for alias in spec["aliases"].entries():
        if alias.path[-1] in taken:
            yield Finding(alias.path, "an alias must differ from every model and rung, or it would hide that one")
        yield from _alias(alias, rungs)


def _alias(alias: Tree, rungs: list[str]) -> Iterator[Finding]:
    ends = (alias.text or "").split("..")
    if not all(ends):
        return
    unknown = [end for end in ends if end not in rungs]
    for end in unknown:
        yield alias.finding(f"{end} is not in spec.models", _among(rungs))
    if len(ends) == 2 and not unknown and rungs.index(ends[0]) >= rungs.index(ends[1]):
        yield alias.finding(f"{ends[0]} does not stand before {ends[1]} in spec.models", "the cheaper rung first")


def _identity(spec: Tree) -> Iterator[Finding]:
    identity = spec["identity"]
    headers = [identity["user"]["header"], identity["tier"]["header"], *identity["session"]["headers"].items()]
    for header in headers:
        if (header.text or "").lower().startswith(RESERVED_HEADERS):
            yield header.finding(f"{RESERVED_HEADERS}* headers are Costward's own and never reach a policy")
    yield from _twice(identity["session"]["headers"].items())
    yield from _twice(tier["name"] for tier in spec["tiers"].items())
    tiers = spec["tiers"].texts("name") or [DEFAULT_TIER]
    if identity["tier"]["default"].text not in (None, *tiers):
        yield identity["tier"]["default"].finding("is not in spec.tiers", _among(tiers))
    for tier in list(spec["tiers"].items())[1:]:
        if not identity["tier"]:
            yield tier["name"].finding("nobody can be in this tier: spec.identity.tier does not say who is in which")


def _caps(caps: Tree, *, has_user: bool) -> Iterator[Finding]:
    seen: set[tuple[str | None, str | None]] = set()
    for cap in caps.items():
        per, window = cap["per"].text, cap["window"]
        if per == "Session" and window:
            yield window.finding("a session has no window: its cap counts for as long as it lasts", "leave window out")
        if per is not None and per != "Session" and not window:
            yield window.finding("is required", "Minute, Hour, Day, Week or Month")
        if per == "User" and not has_user:
            yield cap["per"].finding("spec.identity.user does not say who the user is", "declare identity.user")
        if _amount(micro_usd, cap["limitUSD"]) == 0:
            yield cap["limitUSD"].finding("a limit of nothing refuses every request", "an amount above zero")
        if per is not None and (per, window.text) in seen:
            yield cap["per"].finding("another cap of this tier has the same subject and window")
        seen.add((per, window.text))


def _ladder(tier: Tree, rungs: list[str]) -> Iterator[Finding]:
    before = 0
    for step in tier["ladder"].items():
        at = _amount(percent_ppm, step["at"])
        if at is not None and not 0 < at <= _WHOLE_PPM:
            yield step["at"].finding("is not a share of a limit", "above 0% and up to 100%")
        elif at is not None and at <= before:
            yield step["at"].finding("steps must rise: this one does not begin above the one before it")
        before = max(before, at) if at is not None and at <= _WHOLE_PPM else before
        yield from _step(step, rungs)
    if tier["ladder"].value and not tier["caps"].value:
        yield tier["ladder"].finding("can never be climbed: this tier has no caps")


def _step(step: Tree, rungs: list[str]) -> Iterator[Finding]:
    action = step["action"].text
    if action is None:
        return
    for name, owner in (("model", "UseModel"), ("text", "Message"), ("as", "Message")):
        if step[name] and action != owner:
            yield step[name].finding(f"belongs to {owner}; this step is {action}", "leave it out")
        if not step[name] and action == owner and name != "as":
            yield step[name].finding(f"is required by {action}")
    if action == "UseModel" and step["model"].text not in (None, *rungs):
        yield step["model"].finding("is not in spec.models", _among(rungs))
    if not _is_template(step["text"].text or ""):
        yield step["text"].finding(
            "has a brace that is no placeholder", " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        )


def _is_template(text: str) -> bool:
    return not re.search(r"[{}]", re.sub(rf"\{{({'|'.join(PLACEHOLDERS)})\}}", "", text))


def _cache(spec: Tree) -> Iterator[Finding]:
    cache = spec["cache"]
    if cache["scope"].text == "User" and not spec["identity"]["user"]:
        yield cache["scope"].finding("spec.identity.user does not say who the user is", "Tenant, Workload or Policy")
    if _amount(seconds, cache["ttl"]) == 0:
        yield cache["ttl"].finding("an answer must live for a time", "a second or longer")
    yield from _twice(cache["bypass"].items())


def _rule(rule: Tree, rungs: list[str]) -> Iterator[Finding]:
    when = rule["when"]
    if when.value is not None and not any(when.entries()):
        yield when.finding("holds for every request", "taskType, tools, minPromptTokens or maxPromptTokens")
    low, high = when["minPromptTokens"], when["maxPromptTokens"]
    if low.number is not None and high.number is not None and low.number > high.number:
        yield low.finding("is above maxPromptTokens: the rule never holds")
    if rule["use"].text not in (None, *rungs):
        yield rule["use"].finding("is not in spec.models", _among(rungs))


def _fallback(fallback: Tree, spec: Tree) -> Iterator[Finding]:
    if not fallback:
        return
    yield from _twice(fallback["after"].items())
    if _amount(seconds, fallback["firstByteWithin"]) == 0:
        yield fallback["firstByteWithin"].finding("an answer must be given time to begin", "a second or longer")
    if len(spec["models"].texts("name")) < 2:
        yield fallback.finding("there is no other rung to try", "two models at least")


def _twice(values: Iterable[Tree]) -> Iterator[Finding]:
    seen: set[str] = set()
    for value in values:
        if value.text is not None and value.text in seen:
            yield value.finding("is given twice in this list")
        seen.add(value.text or "")


def _amount(read: Callable[[str], int], value: Tree) -> int | None:
    try:
        return read(value.text) if value.text is not None else None
    except ValueError:
        return None


def _among(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) if names else "none: declare it first"
