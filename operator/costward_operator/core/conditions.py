"""Conditions as the Kubernetes API conventions have them: a map by type, a moment that moves only with the status, and
every known type there from the first visit on.

A condition that always differs from what stands in the object would make an endless loop of writes and events: equal
inputs give equal conditions here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from costward_operator.core.objects import Body

ConditionType = Literal["Accepted", "ResolvedRefs", "Programmed", "Ready", "Degraded"]
Status = Literal["True", "False", "Unknown"]

TYPES: tuple[ConditionType, ...] = ("Accepted", "ResolvedRefs", "Programmed", "Ready", "Degraded")

MESSAGE_LIMIT = 1_024
"""Characters. Kubernetes allows 32,768; a Kubernetes event cuts at 1,024, and both should say the same."""


class Reason(StrEnum):
    """Every reason that a condition may have."""

    PENDING = "Pending"
    """Not looked at yet, or on its way to the data planes."""
    ACCEPTED = "Accepted"
    INVALID = "Invalid"
    CONFLICTED = "Conflicted"
    RESOLVED_REFS = "ResolvedRefs"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_NOT_SERVED = "TargetNotServed"
    """The target is there, and nothing comes through it: a Service without pods, a ServiceEntry without wiring."""
    NOT_ACCEPTED = "NotAccepted"
    NOT_HONOURED = "NotHonoured"
    """Data planes of this version do not decide by what is called, only by who calls."""
    HELD_BACK = "HeldBack"
    """People went back to an older snapshot, or the newest is on trial."""
    NO_DATA_PLANE = "NoDataPlane"
    REJECTED = "RejectedByDataPlane"
    UNPROVEN = "Unproven"
    VERIFIED = "Verified"
    CONFIGURED = "Configured"
    SEEN = "Seen"
    READY = "Ready"
    NOT_READY = "NotReady"
    HEALTHY = "Healthy"
    NAME_UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""
    """RFC 3339; empty where it was not merged yet."""

    def body(self) -> dict[str, object]:
        """As metav1.Condition."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason.value,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.last_transition_time,
        }


def merge(before: Sequence[Condition], wanted: Sequence[Condition], now: str) -> tuple[Condition, ...]:
    """`wanted` with their moments: that of `before` where the status is the same, else `now` (RFC 3339). Known types
    that neither names are Unknown; always in the order of `TYPES`."""
    old = {condition.type: condition for condition in before}
    new = {condition.type: condition for condition in wanted}
    generation = max((condition.observed_generation for condition in wanted), default=0)
    return tuple(
        _merged(old.get(type), new.get(type) or old.get(type) or unknown(type, generation), now) for type in TYPES
    )


def unknown(type: ConditionType, generation: int, message: str = "not looked at yet") -> Condition:
    return Condition(type, "Unknown", Reason.PENDING, message, generation)


def read_conditions(listed: object) -> tuple[Condition, ...]:
    """The known conditions in an object's `conditions`. What others wrote there, or what is broken, is left out."""
    found: dict[ConditionType, Condition] = {}
    for body in listed if isinstance(listed, list) else []:
        condition = _read(body) if isinstance(body, Mapping) else None
        if condition is not None:
            found[condition.type] = condition
    return tuple(found.values())


def _merged(before: Condition | None, wanted: Condition, now: str) -> Condition:
    same = before is not None and before.status == wanted.status and before.last_transition_time
    message = wanted.message if len(wanted.message) <= MESSAGE_LIMIT else f"{wanted.message[: MESSAGE_LIMIT - 1]}…"
    return replace(wanted, message=message, last_transition_time=same or now)


def _read(body: Body) -> Condition | None:
    type = next((known for known in TYPES if known == body.get("type")), None)
    status: Status | None = next((known for known in _STATUSES if known == body.get("status")), None)
    reason, message = body.get("reason"), body.get("message")
    generation, moment = body.get("observedGeneration"), body.get("lastTransitionTime")
    if type is None or status is None:
        return None
    return Condition(
        type,
        status,
        Reason(reason) if reason in _REASONS else Reason.NAME_UNKNOWN,
        message if isinstance(message, str) else "",
        generation if isinstance(generation, int) else 0,
        moment if isinstance(moment, str) else "",
    )


_STATUSES: tuple[Status, ...] = ("True", "False", "Unknown")
_REASONS = tuple(reason.value for reason in Reason)
