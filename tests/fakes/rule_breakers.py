"""For each rule between fields one policy that breaks it and no other."""

from __future__ import annotations

from collections.abc import Mapping

from costward_contract.rules import RuleName

from tests.fakes.policy_documents import changed, minimal, platform

_CAP = {"per": "Policy", "window": "Day", "limitUSD": "1"}
_TWICE = ["web", "web"]

BREAKERS: Mapping[RuleName, dict[str, object]] = {
    "account-twice": changed("spec.workloads.serviceAccounts", _TWICE),
    "after-twice": changed("spec.routing.fallback.after", ["Timeout", "Timeout"]),
    "alias-hides": changed("spec.aliases.large", "small"),
    "alias-name": changed("spec.aliases.Best", "small"),
    "alias-target": changed("spec.aliases.auto", "middle..small"),
    "block-missing": platform(),
    "bypass-twice": changed("spec.cache.bypass", ["ToolCalls", "ToolCalls"]),
    "cap-limit": changed("spec.tiers[0].caps[0].limitUSD", "0.00"),
    "cap-twice": minimal("p", tiers=[{"name": "a", "caps": [_CAP, _CAP]}]),
    "cap-user": minimal("p", tiers=[{"name": "a", "caps": [{**_CAP, "per": "User"}]}]),
    "cap-window": minimal("p", tiers=[{"name": "a", "caps": [{"per": "Tier", "limitUSD": "1"}]}]),
    "cache-ttl": changed("spec.cache.ttl", "0h"),
    "cache-user": minimal("p", cache={"scope": "User"}),
    "fallback-alone": minimal("p", routing={"fallback": {"after": ["Timeout"]}}),
    "first-byte": changed("spec.routing.fallback.firstByteWithin", "0s"),
    "header-reserved": changed("spec.identity.session.headers[1]", "x-costward-task"),
    "ladder-without-caps": minimal("p", tiers=[{"name": "a", "ladder": [{"at": "5%", "action": "Warn"}]}]),
    "model-twice": changed("spec.models[1].model", "gpt-5-mini"),
    "rule-rung": changed("spec.routing.rules[0].use", "huge"),
    "session-header-twice": changed("spec.identity.session.headers[1]", "x-session-id"),
    "session-window": changed("spec.tiers[0].caps[1].window", "Day"),
    "step-as": changed("spec.tiers[0].ladder[1].as", "Error"),
    "step-model": changed("spec.tiers[0].ladder[0].model", "small"),
    "step-placeholder": changed("spec.tiers[0].ladder[2].text", "Ask {nobody}."),
    "step-rises": changed("spec.tiers[0].ladder[1].at", "80%"),
    "step-rung": changed("spec.tiers[0].ladder[1].model", "huge"),
    "step-share": changed("spec.tiers[0].ladder[2].at", "100.01%"),
    "step-text": changed("spec.tiers[0].ladder[0].text", "hello"),
    "target-group": changed("spec.targetRefs[0].group", "networking.istio.io"),
    "target-namespace": platform(targetRefs=[{"kind": "Service", "name": "llm"}], defaults={}),
    "target-own-namespace": changed("spec.targetRefs[0].name", "other"),
    "target-section": changed("spec.targetRefs[0].sectionName", "http"),
    "target-twice": changed("spec.targetRefs", [{"kind": "Namespace", "name": "shop"}] * 2),
    "tier-default": changed("spec.identity.tier.default", "gold"),
    "tier-twice": changed("spec.tiers[1].name", "free"),
    "tier-unreachable": minimal("p", tiers=[{"name": "a"}, {"name": "b"}]),
    "trusted-twice": changed("spec.identity.user.trustedFrom", _TWICE),
    "when-empty": changed("spec.routing.rules[0].when", {}),
    "when-never": changed("spec.routing.rules[0].when.minPromptTokens", 201),
}
