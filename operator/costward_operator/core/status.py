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

_MOST_ANCESTORS = 16
"""GEP-713's bound, and the CRDs'."""

_BY_CALLER = "data planes decide by the caller's namespace alone so far: name that, or leave targetRefs out"
_NOT_IN_FORCE = "a policy that is not accepted governs nothing"

_HONOURED = ("Namespace", "Cluster")
"""Kinds of targets that data planes decide by: where the caller is. What is sent to a Service, to a ServiceEntry or
through a route of a Gateway is in the snapshot, and nobody looks at it yet."""

Refusal = Literal["Invalid", "Conflicted", "TargetNotFound"]

_REFUSALS: Mapping[Refusal, Reason] = {
    "Invalid": Reason.INVALID,
    "Conflicted": Reason.CONFLICTED,
    "TargetNotFound": Reason.TARGET_NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class At:
    """What becomes of a policy at one of its targets."""

    target: Target
    refused: Refusal | None = None
    message: str = ""
    trouble: str = ""
    """Why nothing comes through this target, though it is there; empty: something does, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The compiler's word on one policy."""

    refused: Refusal | None = None
    message: str = ""
    digest: str = ""
    """Of its compiled form; empty where it is in no snapshot."""
    at: tuple[At, ...] = ()
    """By target; empty where the policy could not be read, and shares one fate everywhere."""


@dataclass(frozen=True, slots=True)
class View:
    """All that the conditions of an object are worked out from, beside the object itself: equal views of an object that
    is the same give the same conditions."""

    judgement: Judgement
    settled: bool
    is_connected: bool
    """Whether any data plane in its scope is."""
    is_served: bool
    """Whether one of those has any snapshot."""
    is_behind: bool
    """Whether one of those has an older form of the policy."""
    stuck: DataPlane | None
    """Of those behind, the first by name that refused what it was sent last."""
    refusing: DataPlane | None
    """The same of all."""
    held_back: str
    proof: Proof


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
    return status_change_of(seen, view_of(seen, judgement, delivery, published), now)


def status_change_of(seen: Seen, view: View, now: str) -> StatusChange | None:
    """None where the object's status says it already. `now`: RFC 3339."""
    before = read_conditions((seen.status or {}).get("conditions"))
    conditions = merge(before, conditions_of(seen, view, before), now)
    status = _status(seen, view.judgement, conditions, before_at(seen), now)
    if says(seen, status):
        return None
    return StatusChange(seen, status, _transitions(before, conditions))


def view_of(seen: Seen, judgement: Judgement, delivery: Delivery, published: Published) -> View:
    # The platform's policies are part of what every data plane gets.
    mine = (plane for plane in delivery.data_planes if not seen.namespace or plane.namespace in ("", seen.namespace))
    planes = tuple(mine)
    behind = [
        plane
        for plane in planes
        if (plane.acked or plane.rejected)
        and not published.holds(plane.acked, seen.ref, judgement.digest, plane.namespace)
    ]
    return View(
        judgement=judgement,
        settled=delivery.settled,
        is_connected=bool(planes),
        is_served=any(plane.acked for plane in planes),
        is_behind=bool(behind),
        stuck=_first_refusing(behind),
        refusing=_first_refusing(planes),
        held_back=delivery.held_back,
        proof=delivery.proofs.get(seen.ref, UNPROVEN),
    )


def _first_refusing(planes: Sequence[DataPlane]) -> DataPlane | None:
    return min((plane for plane in planes if plane.rejected), key=lambda plane: plane.name, default=None)


def conditions_of(seen: Seen, view: View, before: Sequence[Condition]) -> tuple[Condition, ...]:
    """All conditions of this generation, without their moments."""
    judgement = view.judgement
    kept = next((c for c in before if c.type == "Programmed" and c.observed_generation == seen.generation), None)
    # After a restart the data planes need a moment to come back: what was true is not unsaid until then.
    keep = kept if not view.settled and judgement.refused is None else None
    programmed = keep or _programmed(seen, view)
    accepted, resolved = _accepted(seen, judgement), _resolved(seen, judgement)
    return (accepted, resolved, programmed, _ready(seen, (accepted, resolved, programmed)), _degraded(seen, view))


def _accepted(seen: Seen, judgement: Judgement) -> Condition:
    if judgement.refused is None:
        return Condition("Accepted", "True", Reason.ACCEPTED, judgement.message, seen.generation)
    return Condition("Accepted", "False", _REFUSALS[judgement.refused], judgement.message, seen.generation)


def _resolved(seen: Seen, judgement: Judgement) -> Condition:
    if judgement.refused == "Invalid":
        message = "the targets are looked up once the policy is valid"
        return Condition("ResolvedRefs", "Unknown", Reason.INVALID, message, seen.generation)
    unresolved = [one for one in judgement.at if one.refused == "TargetNotFound"]
    if judgement.refused == "TargetNotFound" or unresolved:
        message = "; ".join(dict.fromkeys(one.message for one in unresolved)) or judgement.message
        return Condition("ResolvedRefs", "False", Reason.TARGET_NOT_FOUND, message, seen.generation)
    troubles = "; ".join(dict.fromkeys(one.trouble for one in judgement.at if one.trouble))
    if troubles:
        return Condition("ResolvedRefs", "False", Reason.TARGET_NOT_SERVED, troubles, seen.generation)
    return Condition("ResolvedRefs", "True", Reason.RESOLVED_REFS, "", seen.generation)


def _programmed(seen: Seen, view: View) -> Condition:
    def said(status: Status, reason: Reason, message: str) -> Condition:
        return Condition("Programmed", status, reason, message, seen.generation)

    if view.judgement.refused is not None:
        return said("False", Reason.NOT_ACCEPTED, _NOT_IN_FORCE)
    idle = [target for target in seen.targets if target.kind not in _HONOURED]
    if idle:
        named = ", ".join(f"{target.kind} {target.name}" for target in idle)
        return said("False", Reason.NOT_HONOURED, f"{named}: {_BY_CALLER}")
    if not view.settled:
        return said("Unknown", Reason.PENDING, "waiting for the data planes to connect")
    if not view.is_connected:
        return said("False", Reason.NO_DATA_PLANE, "no data plane is connected: look at its pods and its logs")
    stuck = view.stuck
    if stuck is not None and stuck.rejected is not None:
        return said("False", Reason.REJECTED, f"{stuck.name} keeps its last good one: {stuck.rejected.message}")
    if view.is_behind and view.held_back:
        return said("False", Reason.HELD_BACK, view.held_back)
    if view.is_behind or not view.is_served:
        message = f"waiting for data planes to acknowledge generation {seen.generation}"
        return said("False", Reason.PENDING, message)
    status: Status = "False" if view.proof.kind == "Unproven" else "True"
    return said(status, Reason(view.proof.kind), view.proof.message)


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


def _degraded(seen: Seen, view: View) -> Condition:
    refusing = view.refusing
    if refusing is None or refusing.rejected is None:
        return Condition("Degraded", "False", Reason.HEALTHY, "", seen.generation)
    message = f"{refusing.name} rejects the present configuration: {refusing.rejected.message}"
    return Condition("Degraded", "True", Reason.REJECTED, message, seen.generation)


def _status(
    seen: Seen,
    judgement: Judgement,
    conditions: Sequence[Condition],
    before: Mapping[Target, Sequence[Condition]],
    now: str,
) -> dict[str, object]:
    at = judgement.at or tuple(At(target, judgement.refused, judgement.message) for target in seen.targets)
    programmed = next(condition for condition in conditions if condition.type == "Programmed")
    return {
        "observedGeneration": seen.generation,
        "conditions": [condition.body() for condition in conditions],
        "ancestors": [
            {
                "ancestorRef": _ref(one.target),
                "controllerName": CONTROLLER,
                "conditions": _at_target(seen, one, programmed, before.get(one.target, ()), now),
            }
            for one in at[:_MOST_ANCESTORS]
        ],
    }


def _at_target(
    seen: Seen, one: At, programmed: Condition, before: Sequence[Condition], now: str
) -> list[dict[str, object]]:
    here = Judgement(one.refused, one.message, at=(one,))
    refused = Condition("Programmed", "False", Reason.NOT_ACCEPTED, _NOT_IN_FORCE, seen.generation)
    wanted = (_accepted(seen, here), _resolved(seen, here), refused if one.refused else programmed)
    return [condition.body() for condition in merge(before, wanted, now) if condition.type in _ANCESTOR_TYPES]


def before_at(seen: Seen) -> dict[Target, tuple[Condition, ...]]:
    """The conditions that stand in the object, by target."""
    listed = (seen.status or {}).get("ancestors")
    found: dict[Target, tuple[Condition, ...]] = {}
    for body in listed if isinstance(listed, list) else []:
        ref = body.get("ancestorRef") if isinstance(body, Mapping) else None
        if isinstance(ref, Mapping) and body.get("controllerName") == CONTROLLER:
            words = [str(ref.get(key, "")) for key in ("group", "kind", "name", "namespace", "sectionName")]
            found[Target(*words)] = read_conditions(body.get("conditions"))
    return found


def _ref(target: Target) -> dict[str, str]:
    # Empty ones too: the API server fills in the CRD's defaults, and what lacked them would be written for ever.
    names = {"section": "sectionName"}
    return {names.get(key, key): value for key, value in asdict(target).items()}


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
