"""How policies stand in a cluster: what the operator says of each, and whether it says it of the spec of now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from costward_cli.cluster.ports import Obj

SHOWN = ("Accepted", "ResolvedRefs", "Programmed", "Ready")
"""In the order in which a policy gets them."""
UNKNOWN = "Unknown"
_HASH_DIGITS = 8
"""As many as the operator asks for where a person names a snapshot."""
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Told:
    """One condition."""

    status: str
    """True, False or Unknown."""
    reason: str
    """Of Programmed: by what it is proven. `Outdated`: told of an earlier spec; `NotSeen`: never told."""
    message: str


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a policy, with what holds there."""

    ref: str
    conditions: Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Standing:
    kind: str
    namespace: str
    """Empty for a platform's policy."""
    name: str
    age_s: int | None
    """Seconds since it was created; None where the API server does not say."""
    snapshot: str
    """Hash of the published snapshot that holds it; empty if none does."""
    conditions: Mapping[str, Told]
    """By the types of SHOWN, and Degraded where it is true."""
    targets: tuple[Target, ...]

    @property
    def ref(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def standings(policies: Iterable[Obj], now: float) -> list[Standing]:
    """By kind, namespace and name; platform policies first, as they go first. `now`: Unix seconds."""
    found = [_standing(one, now) for one in policies]
    return sorted(found, key=lambda one: (one.kind, one.namespace, one.name))


def unmet(one: Standing) -> list[tuple[str, Told]]:
    """The conditions that a person has to look at, each with its type."""
    return [
        (kind, told)
        for kind, told in one.conditions.items()
        if told.status != ("False" if kind == "Degraded" else "True")
    ]


def short_hash(snapshot: str) -> str:
    """As `costward.dev/pinned-snapshot` takes it."""
    return snapshot.removeprefix("sha256:")[:_HASH_DIGITS]


def age(seconds: int | None) -> str:
    """`3d`, `5m`: the largest unit that fits, as kubectl tells it."""
    if seconds is None:
        return "?"
    return next((f"{seconds // size}{unit}" for unit, size in _UNITS if seconds >= size), "0s")


def _standing(one: Obj, now: float) -> Standing:
    metadata, status = one["metadata"], one.get("status") or {}
    generation = metadata.get("generation")
    told = _conditions(status.get("conditions", ()), generation)
    conditions = {kind: told.get(kind, _NOT_SEEN) for kind in SHOWN}
    if "Degraded" in told and told["Degraded"].status == "True":
        conditions["Degraded"] = told["Degraded"]
    return Standing(
        kind=one["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        age_s=_age(metadata.get("creationTimestamp"), now),
        snapshot=status.get("snapshot", ""),
        conditions=conditions,
        targets=tuple(_target(ancestor, generation) for ancestor in status.get("ancestors", ())),
    )


_NOT_SEEN = Told(UNKNOWN, "NotSeen", "no operator has said anything of it: look whether one runs and leads")


def _conditions(given: Iterable[Mapping[str, Any]], generation: int | None) -> dict[str, Told]:
    return {one["type"]: _told(one, generation) for one in given}


def _told(one: Mapping[str, Any], generation: int | None) -> Told:
    of = one.get("observedGeneration", generation)
    if of != generation:
        # What held of an earlier spec says nothing of this one.
        return Told(UNKNOWN, "Outdated", f"told of generation {of}; the policy is at {generation}")
    return Told(one["status"], one.get("reason", ""), one.get("message", ""))


def _target(ancestor: Mapping[str, Any], generation: int | None) -> Target:
    ref = ancestor["ancestorRef"]
    place = "/".join(part for part in (ref.get("namespace", ""), ref["name"], ref.get("sectionName", "")) if part)
    return Target(f"{ref.get('kind', '')} {place}", _conditions(ancestor.get("conditions", ()), generation))


def _age(created: str | None, now: float) -> int | None:
    return max(0, int(now - datetime.fromisoformat(created).timestamp())) if created else None
