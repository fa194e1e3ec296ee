"""The rules between the fields of a policy, each by its name: who holds it, and in which words.

`checks` finds what breaks a rule, in a file as in a cluster. What the API server can see for itself it refuses at once,
by a validation rule in CEL or by the kind of a list; the rest is the compiler's alone, with the reason beside it.

CEL is kept to its core language, so that any interpreter can evaluate it: https://github.com/google/cel-spec. Names
that CEL reserves are escaped as Kubernetes does it (`__as__`, `__namespace__`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleName = Literal[
    "account-twice",
    "after-twice",
    "alias-hides",
    "alias-name",
    "alias-target",
    "block-missing",
    "bypass-twice",
    "cap-limit",
    "cap-twice",
    "cap-user",
    "cap-window",
    "cache-ttl",
    "cache-user",
    "fallback-alone",
    "first-byte",
    "header-reserved",
    "ladder-without-caps",
    "model-twice",
    "rule-rung",
    "session-header-twice",
    "session-window",
    "step-as",
    "step-model",
    "step-placeholder",
    "step-rises",
    "step-rung",
    "step-share",
    "step-text",
    "target-group",
    "target-namespace",
    "target-own-namespace",
    "target-section",
    "target-twice",
    "tier-default",
    "tier-twice",
    "tier-unreachable",
    "trusted-twice",
    "when-empty",
    "when-never",
]

PLACEHOLDERS = ("cap", "limit", "spent", "resetsAt", "tier", "policy", "owner", "contact")
"""What a message may name in braces."""

DEFAULT_TIER = "default"
"""Name of the one tier of a policy that declares none."""

RESERVED_HEADERS = "x-costward-"
"""Costward's own request headers; they are stripped, so an identity in them would be lost."""

Where = Literal["block", "team", "cluster", "spec"]
"""block: in every block, a team's spec included. team: only there. cluster: only in the spec of a ClusterCostPolicy.
spec: in the spec of both kinds."""

Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]
"""Not FieldValueDuplicate: with it the API server prints the value in place of the message."""


@dataclass(frozen=True, slots=True)
class CelRule:
    name: RuleName
    where: Where
    at: str
    """Generic path below that place, such as `tiers[].caps[]`; empty for the place itself."""
    expression: str
    """True for what is allowed; `self` is the value at the path."""
    message: str
    field: str = ""
    """Which field of `self` is to blame, as `.limitUSD`; empty for `self` itself."""
    reason: Reason = "FieldValueInvalid"


# 16 places: the bound of `models`. Core CEL has no positions while it walks a list, so they are written out.
_PLACES = str(list(range(16)))

_POSITIVE = "self.matches('[1-9]')"
_RESERVED = f"!self.startsWith('{RESERVED_HEADERS}')"
_RESERVED_WORDS = f"{RESERVED_HEADERS}* headers are Costward's own and never reach a policy"
_NO_USER = "needs identity.user: nothing says who the user is"

CEL_RULES: tuple[CelRule, ...] = (
    CelRule(
        "target-group",
        "spec",
        "targetRefs[]",
        "self.group == (self.kind == 'ServiceEntry' ? 'networking.istio.io' : "
        "self.kind in ['Gateway', 'HTTPRoute'] ? 'gateway.networking.k8s.io' : '')",
        "group is not the one of this kind: empty for Namespace and Service, networking.istio.io for ServiceEntry, "
        "gateway.networking.k8s.io for Gateway and HTTPRoute",
        ".group",
    ),
    CelRule(
        "target-section",
        "spec",
        "targetRefs[]",
        "self.kind in ['Gateway', 'HTTPRoute'] || !has(self.sectionName) || self.sectionName == ''",
        "only a Gateway and an HTTPRoute have sections",
        ".sectionName",
        "FieldValueForbidden",
    ),
    CelRule(
        "target-namespace",
        "cluster",
        "targetRefs[]",
        "(self.kind == 'Namespace') == (!has(self.__namespace__) || self.__namespace__ == '')",
        "namespace is required, except for a target that is a Namespace itself",
        ".namespace",
    ),
    CelRule(
        "block-missing",
        "cluster",
        "",
        "has(self.defaults) || has(self.overrides)",
        "says nothing: give defaults, overrides or both",
        "",
        "FieldValueRequired",
    ),
    CelRule(
        "model-twice",
        "block",
        "models",
        "self.all(a, self.exists_one(b, b.name == a.name) && self.exists_one(b, b.model == a.model))",
        "a name or model is given twice",
    ),
    CelRule(
        "alias-name",
        "block",
        "aliases",
        "self.all(name, size(name) <= 63 && name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'))",
        "an alias is up to 63 of a-z, 0-9 and -, with a letter or digit at both ends",
    ),
    CelRule(
        "alias-hides",
        "block",
        "",
        "!has(self.aliases) || !has(self.models) || "
        "self.aliases.all(a, !self.models.exists(m, m.name == a || m.model == a))",
        "an alias must differ from every model and rung, or it would hide that one",
        ".aliases",
    ),
    CelRule(
        "alias-target",
        "block",
        "",
        "!has(self.aliases) || self.aliases.all(a, has(self.models) && ("
        "self.models.exists(m, m.name == self.aliases[a]) || "
        f"{_PLACES}.exists(i, i < size(self.models) && {_PLACES}.exists(j, i < j && j < size(self.models) && "
        "self.aliases[a] == self.models[i].name + '..' + self.models[j].name))))",
        "an alias names a rung of models, or two joined by '..' from the cheaper to the dearer",
        ".aliases",
    ),
    CelRule("header-reserved", "block", "identity.user.header", _RESERVED, _RESERVED_WORDS),
    CelRule("header-reserved", "block", "identity.tier.header", _RESERVED, _RESERVED_WORDS),
    CelRule("header-reserved", "block", "identity.session.headers[]", _RESERVED, _RESERVED_WORDS),
    CelRule(
        "session-header-twice",
        "block",
        "identity.session.headers",
        "self.all(a, self.exists_one(b, b == a))",
        "a header is given twice",
    ),
    CelRule(
        "tier-default",
        "block",
        "",
        "!has(self.identity) || !has(self.identity.tier) || !has(self.identity.tier.default) || "
        "(has(self.tiers) && size(self.tiers) > 0 ? self.tiers.exists(t, t.name == self.identity.tier.default) : "
        f"self.identity.tier.default == '{DEFAULT_TIER}')",
        "identity.tier.default is not in tiers",
        ".identity.tier.default",
    ),
    CelRule(
        "tier-unreachable",
        "block",
        "",
        "!has(self.tiers) || size(self.tiers) < 2 || (has(self.identity) && has(self.identity.tier))",
        "nobody can be in the second tier: identity.tier does not say who is in which",
        ".tiers",
    ),
    CelRule(
        "session-window",
        "block",
        "tiers[].caps[]",
        "self.per != 'Session' || !has(self.window)",
        "a session has no window: its cap counts for as long as it lasts",
        ".window",
        "FieldValueForbidden",
    ),
    CelRule(
        "cap-window",
        "block",
        "tiers[].caps[]",
        "self.per == 'Session' || has(self.window)",
        "window is required: Minute, Hour, Day, Week or Month",
        ".window",
        "FieldValueRequired",
    ),
    CelRule(
        "cap-user",
        "team",
        "",
        "!has(self.tiers) || (has(self.identity) && has(self.identity.user)) || "
        "!self.tiers.exists(t, has(t.caps) && t.caps.exists(c, c.per == 'User'))",
        f"a cap per User {_NO_USER}",
        ".tiers",
    ),
    CelRule("cap-limit", "block", "tiers[].caps[].limitUSD", _POSITIVE, "a limit of nothing refuses every request"),
    CelRule(
        "cap-twice",
        "block",
        "tiers[].caps",
        "self.all(a, self.exists_one(b, b.per == a.per && "
        "(has(b.window) ? b.window : '') == (has(a.window) ? a.window : '')))",
        "two caps of this tier have the same subject and window",
    ),
    CelRule(
        "step-share",
        "block",
        "tiers[].ladder[].at",
        f"{_POSITIVE} && self.matches(r'^(100(\\.0+)?|[0-9]{{1,2}}(\\.[0-9]+)?)%$')",
        "is not a share of a limit: above 0% and up to 100%",
    ),
    CelRule(
        "ladder-without-caps",
        "block",
        "tiers[]",
        "!has(self.ladder) || size(self.ladder) == 0 || (has(self.caps) && size(self.caps) > 0)",
        "can never be climbed: this tier has no caps",
        ".ladder",
    ),
    CelRule(
        "step-model",
        "block",
        "tiers[].ladder[]",
        "has(self.model) == (self.action == 'UseModel')",
        "model is required by UseModel and belongs to no other action",
        ".model",
    ),
    CelRule(
        "step-text",
        "block",
        "tiers[].ladder[]",
        "has(self.text) == (self.action == 'Message')",
        "text is required by Message and belongs to no other action",
        ".text",
    ),
    CelRule(
        "step-as",
        "block",
        "tiers[].ladder[]",
        "!has(self.__as__) || self.action == 'Message'",
        "as belongs to Message",
        ".as",
        "FieldValueForbidden",
    ),
    CelRule(
        "step-rung",
        "block",
        "",
        "!has(self.tiers) || self.tiers.all(t, !has(t.ladder) || t.ladder.all(s, "
        "!has(s.model) || (has(self.models) && self.models.exists(m, m.name == s.model))))",
        "a ladder step uses a model that is not in models",
        ".tiers",
    ),
    CelRule(
        "step-placeholder",
        "block",
        "tiers[].ladder[].text",
        f"self.matches(r'^([^{{}}]|\\{{({'|'.join(PLACEHOLDERS)})\\}})*$')",
        f"has a brace that is no placeholder: {' '.join(f'{{{name}}}' for name in PLACEHOLDERS)}",
    ),
    CelRule(
        "cache-user",
        "block",
        "",
        "!has(self.cache) || !has(self.cache.scope) || self.cache.scope != 'User' || "
        "(has(self.identity) && has(self.identity.user))",
        f"scope User {_NO_USER}",
        ".cache.scope",
    ),
    CelRule("cache-ttl", "block", "cache.ttl", _POSITIVE, "an answer must live for a time"),
    CelRule(
        "when-empty",
        "block",
        "routing.rules[].when",
        "has(self.taskType) || has(self.tools) || has(self.minPromptTokens) || has(self.maxPromptTokens)",
        "holds for every request: give taskType, tools, minPromptTokens or maxPromptTokens",
    ),
    CelRule(
        "when-never",
        "block",
        "routing.rules[].when",
        "!has(self.minPromptTokens) || !has(self.maxPromptTokens) || self.minPromptTokens <= self.maxPromptTokens",
        "minPromptTokens is above maxPromptTokens: the rule never holds",
        ".minPromptTokens",
    ),
    CelRule(
        "rule-rung",
        "block",
        "",
        "!has(self.routing) || !has(self.routing.rules) || "
        "self.routing.rules.all(r, has(self.models) && self.models.exists(m, m.name == r.use))",
        "a rule uses a model that is not in models",
        ".routing.rules",
    ),
    CelRule(
        "fallback-alone",
        "block",
        "",
        "!has(self.routing) || !has(self.routing.fallback) || (has(self.models) && size(self.models) > 1)",
        "there is no other rung to try: models needs two at least",
        ".routing.fallback",
    ),
    CelRule(
        "first-byte",
        "block",
        "routing.fallback.firstByteWithin",
        _POSITIVE,
        "an answer must be given time to begin",
    ),
)

BY_SCHEMA: dict[RuleName, str] = {
    "account-twice": "workloads.serviceAccounts is a set",
    "after-twice": "routing.fallback.after is a set",
    "bypass-twice": "cache.bypass is a set",
    "target-twice": "targetRefs is a map keyed by all that a target is",
    "tier-twice": "tiers is a map keyed by name",
    "trusted-twice": "trustedFrom is a set",
}
"""Rules that the kind of a list holds, and which."""

BY_COMPILER: dict[RuleName, str] = {
    "step-rises": "core CEL cannot cut the % sign off a text, so it cannot compare two shares as numbers",
    "target-own-namespace": "a CRD's rules see no namespace; the chart's admission policy does",
}
"""Rules that no CRD can hold, and why."""

BY_MODEL: dict[RuleName, str] = {
    "alias-name": "a field's own bound everywhere but in a CRD, whose maps have no pattern for their keys",
}
"""Rules of the CRDs that files need no check for, and why: the model refuses what breaks them."""
