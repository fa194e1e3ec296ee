"""What a policy will be able to say and cannot say yet.

A field that does nothing is worse than one that is refused, so these are errors; but their author made no mistake in
writing, and is told so. An entry leaves this table when the model learns it.
"""

from __future__ import annotations

import re

_FIELDS = frozenset(
    {
        "spec.cache.semantic.maxErrorRate",
        "spec.cache.semantic.shadow",
        "spec.identity.tenant",
        "spec.identity.tier.bodyField",
        "spec.identity.tier.jwtClaim",
        "spec.identity.user.bodyField",
        "spec.identity.user.jwtClaim",
        "spec.models[].provider",
        "spec.outcomes",
        "spec.routing.maxShare",
        "spec.routing.qualityTarget",
        "spec.tiers[].caps[].timeZone",
    }
)

_VALUES = {
    "spec.models[].billing": frozenset({"Subscription", "SelfHosted"}),
    "spec.routing.mode": frozenset({"Shadow"}),
    "spec.tiers[].caps[].per": frozenset({"Tenant", "Model"}),
    "spec.tiers[].ladder[].action": frozenset({"LowerEffort", "CacheOnly", "Reject"}),
}


def is_future_field(path: str) -> bool:
    """Whether a field at this generic path is planned, in a team's policy or in a block of the platform's."""
    return _in_block(path) in _FIELDS


def is_future_value(path: str, value: object) -> bool:
    """Whether this value of the field at this generic path is planned."""
    return isinstance(value, str) and value in _VALUES.get(_in_block(path), frozenset())


def _in_block(path: str) -> str:
    return re.sub(r"^spec\.(defaults|overrides)\.", "spec.", path)


def planned() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every planned field, and every field with planned values, sorted by path."""
    return tuple(sorted([(path, ()) for path in _FIELDS] + [(path, tuple(sorted(v))) for path, v in _VALUES.items()]))
