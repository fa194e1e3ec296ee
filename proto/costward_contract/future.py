"""What a policy will be able to say and cannot say yet.

A field that does nothing is worse than one that is refused, so these are errors; but their author made no mistake in
writing, and is told so. An entry leaves this table when the model learns it.
"""

from __future__ import annotations

_FIELDS = frozenset(
    {
        "spec.cache.semantic.maxErrorRate",
        "spec.cache.semantic.shadow",
        "spec.defaults",
        "spec.identity.tenant",
        "spec.identity.tier.bodyField",
        "spec.identity.tier.jwtClaim",
        "spec.identity.user.bodyField",
        "spec.identity.user.jwtClaim",
        "spec.models[].provider",
        "spec.outcomes",
        "spec.overrides",
        "spec.routing.maxShare",
        "spec.routing.qualityTarget",
        "spec.targetRefs[].namespace",
        "spec.targetRefs[].sectionName",
        "spec.tiers[].caps[].timeZone",
    }
)

_VALUES = {
    "kind": frozenset({"ClusterCostPolicy"}),
    "spec.models[].billing": frozenset({"Subscription", "SelfHosted"}),
    "spec.routing.mode": frozenset({"Shadow"}),
    "spec.targetRefs[].group": frozenset({"gateway.networking.k8s.io", "networking.istio.io"}),
    "spec.targetRefs[].kind": frozenset({"Service", "ServiceEntry", "Gateway", "HTTPRoute"}),
    "spec.tiers[].caps[].per": frozenset({"Tenant", "Model"}),
    "spec.tiers[].ladder[].action": frozenset({"LowerEffort", "CacheOnly", "Reject"}),
}


def is_future_field(path: str) -> bool:
    """Whether a field at this generic path is planned."""
    return path in _FIELDS


def is_future_value(path: str, value: object) -> bool:
    """Whether this value of the field at this generic path is planned."""
    return isinstance(value, str) and value in _VALUES.get(path, frozenset())


def planned() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every planned field, and every field with planned values, sorted by path."""
    return tuple(sorted([(path, ()) for path in _FIELDS] + [(path, tuple(sorted(v))) for path, v in _VALUES.items()]))
