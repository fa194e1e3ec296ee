"""What is true of a policy -> the status that says so.

`Programmed` is a promise: every live data plane in scope serves this generation, and there is proof that the traffic
passes one. Nothing here says it for less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from costward_operator.core.conditions import Condition, ConditionType, Reason, Status, merge, read_conditions
from costward_operator.core.delivery import UNPROVEN, DataPlane, Delivery, Proof, Published
from costward_operator.core.objects import Body, Seen, Target

CONTROLLER = "costward.dev/operator"
"""Who writes, as GEP-713 wants it named: a domain and a path."""

_ANCESTOR_TYPES: tuple[ConditionType, ...] = ("Accepted", "ResolvedRefs", "Programmed")
"""What differs by target. `Ready` and `Degraded` are about the policy as a whole."""

Refusal = Literal["Invalid", "Conflicted", "TargetNotFound"]

_REFUSALS: Mapping[Refusal, Reason] = {
    "Invalid": Reason.INVALID,
    "Conflicted": Reason.CONFLICTED,
    "TargetNotFound": Reason.TARGET_NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The compiler's word on one policy."""

    refused: Refusal | None = None
    message: str = ""
    digest: str = ""
    """Of its compiled form; empty where it is in no snapshot."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A condition that changed its status: worth an event."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status to write, because what stands in the object is not true any more."""

    seen: Seen
    status: Mapping[str, object]
    transitions: tuple[Transition, ...]


def status_change(
    seen: Seen, judgement: Judgement, delivery: Delivery, published: Published, now: str
) -> StatusChange | None:
    """None where the object's status says it already. `now`: RFC 3339."""
    before = read_conditions((seen.status or {}).get("conditions"))
    conditions = merge(before, conditions_of(seen, judgement, delivery, published, before), now)
    status = _status(seen, conditions)
    if says(seen, status):
        return None
    return StatusChange(seen, status, _transitions(before, conditions))


def conditions_of(
    seen: Seen, judgement: Judgement, delivery: Delivery, published: Published, before: Sequence[Condition]
) -> tuple[Condition, ...]:
    """All conditions of this generation, without their moments."""
    planes = tuple(plane for plane in delivery.data_planes if plane.namespace in ("", seen.namespace))
    kept = next((c for c in before if c.type == "Programmed" and c.observed_generation == seen.generation), None)
    # After a restart the data planes need a moment to come back: what was true is not unsaid until then.
    keep = kept if not delivery.settled and judgement.refused is None else None
    programmed = keep or _programmed(seen, judgement, planes, delivery, published)
    accepted, resolved = _accepted(seen, judgement), _resolved(seen, judgement)
    return (accepted, resolved, programmed, _ready(seen, (accepted, resolved, programmed)), _degraded(seen, planes))


def _accepted(seen: Seen, judgement: Judgement) -> Condition:
    if judgement.refused is None:
        return Condition("Accepted", "True", Reason.ACCEPTED, judgement.message, seen.generation)
    return Condition("Accepted", "False", _REFUSALS[judgement.refused], judgement.message, seen.generation)


def _resolved(seen: Seen, judgement: Judgement) -> Condition:
    if judgement.refused == "TargetNotFound":
        return Condition("ResolvedRefs", "False", Reason.TARGET_NOT_FOUND, judgement.message, seen.generation)
    if judgement.refused == "Invalid":
        message = "the targets are looked up once the policy is valid"
        return Condition("ResolvedRefs", "Unknown", Reason.INVALID, message, seen.generation)
    return Condition("ResolvedRefs", "True", Reason.RESOLVED_REFS, "", seen.generation)


def _programmed(
    seen: Seen, judgement: Judgement, planes: Sequence[DataPlane], delivery: Delivery, published: Published
) -> Condition:
    def said(status: Status, reason: Reason, message: str) -> Condition:
        return Condition("Programmed", status, reason, message, seen.generation)

    if judgement.refused is not None:
        return said("False", Reason.NOT_ACCEPTED, "a policy that is not accepted is in no snapshot")
    if not delivery.settled:
        return said("Unknown", Reason.PENDING, "waiting for the data planes to connect")
    serving = [plane for plane in planes if plane.acked]
    if not serving and not planes:
        return said("False", Reason.NO_DATA_PLANE, "no data plane is connected: look at its pods and its logs")
    behind = [
        plane
        for plane in planes
        if (plane.acked or plane.rejected)
        and not published.holds(plane.acked, seen.ref, judgement.digest, plane.namespace)
    ]
    refusing = min((plane for plane in behind if plane.rejected), key=lambda plane: plane.name, default=None)
    if refusing is not None and refusing.rejected is not None:
        return said("False", Reason.REJECTED, f"{refusing.name} keeps its last good one: {refusing.rejected.message}")
    if behind or not serving:
        message = f"waiting for data planes to acknowledge generation {seen.generation}"
        return said("False", Reason.PENDING, message)
    proof: Proof = delivery.proofs.get(seen.ref, UNPROVEN)
    status: Status = "False" if proof.kind == "Unproven" else "True"
    return said(status, Reason(proof.kind), proof.message)


def _ready(seen: Seen, parts: Sequence[Condition]) -> Condition:
    """The summary for people and for `kubectl wait`: names the first part that is not True."""
    worst = next((c for c in parts if c.status == "False"), None) or next(
        (c for c in parts if c.status != "True"), None
    )
    if worst is None:
        return Condition("Ready", "True", Reason.READY, "", seen.generation)
    message = f"{worst.type}: {worst.reason.value}" + (f": {worst.message}" if worst.message else "")
    reason = Reason.PENDING if worst.status == "Unknown" else Reason.NOT_READY
    return Condition("Ready", worst.status, reason, message, seen.generation)


def _degraded(seen: Seen, planes: Sequence[DataPlane]) -> Condition:
    refusing = min((plane for plane in planes if plane.rejected), key=lambda plane: plane.name, default=None)
    if refusing is None or refusing.rejected is None:
        return Condition("Degraded", "False", Reason.HEALTHY, "", seen.generation)
    message = f"{refusing.name} rejects the present configuration: {refusing.rejected.message}"
    return Condition("Degraded", "True", Reason.REJECTED, message, seen.generation)


def _status(seen: Seen, conditions: Sequence[Condition]) -> dict[str, object]:
    bodies = [condition.body() for condition in conditions]
    by_target = [body for body in bodies if body["type"] in _ANCESTOR_TYPES]
    return {
        "observedGeneration": seen.generation,
        "conditions": bodies,
        "ancestors": [
            {"ancestorRef": _ref(target), "controllerName": CONTROLLER, "conditions": by_target}
            for target in seen.targets
        ],
    }


def _ref(target: Target) -> dict[str, str]:
    names = {"section": "sectionName"}
    return {names.get(key, key): value for key, value in asdict(target).items() if value or key == "group"}


def says(seen: Seen, status: Body) -> bool:
    """Whether that stands in the object already. Parts of a status that it does not name have writers of their own."""
    return all((seen.status or {}).get(key) == value for key, value in status.items())


def _transitions(before: Sequence[Condition], after: Sequence[Condition]) -> tuple[Transition, ...]:
    old = {condition.type: condition.status for condition in before}
    return tuple(
        Transition(c.type, c.status, c.reason, c.message)
        for c in after
        # A policy that is new, or waits, is no news.
        if c.status != old.get(c.type, "Unknown") and c.reason is not Reason.PENDING
    )
