"""An object of the API server -> what the operator keeps of it.

A policy is parsed once for each of its generations, not once for each event: status writes come back as events too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from costward_contract.attachment import CLUSTER
from costward_contract.parse import AnyPolicy, parse_object
from costward_contract.policy import KIND

from costward_operator.core.shared import Shared

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Body = Mapping[str, object]

_MOST_PROBLEMS = 5
"""A condition is read in a terminal: five problems are what one mends at a time, and the next look shows the next."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a policy is attached to, as its status names it (GEP-713)."""

    group: str
    kind: str
    name: str
    namespace: str
    section: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A policy object as it was last seen. Two objects of one name one after the other have two uids."""

    uid: str
    namespace: str
    name: str
    generation: int
    version: int
    """resourceVersion: grows with each write to the API server; 0 where it is no number."""
    created: str
    policy: AnyPolicy | None
    """None where the spec cannot be read."""
    problems: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    status: Body | None = None
    kind: str = KIND

    @property
    def ref(self) -> str:
        """`namespace/name`; of a ClusterCostPolicy its name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def read(body: Body, before: Seen | None = None, kind: str = KIND, shared: Shared | None = None) -> Seen | None:
    """What is kept of `body`; None where it is no object at all (no uid, no name). `before`: the same object as it was
    known, whose parsed spec is used again where its generation is the same. `kind`: which of the two it is. `shared`:
    what statuses have in common. Never raises."""
    metadata = _mapping(body.get("metadata"))
    uid, name = _text(metadata.get("uid")), _text(metadata.get("name"))
    if not uid or not name:
        return None
    namespace, generation = _text(metadata.get("namespace")), _number(metadata.get("generation"))
    status = body.get("status")
    if shared is not None:
        status = shared.one(status)
    parsed = before if before is not None and (before.uid, before.generation) == (uid, generation) else None
    policy, problems = (parsed.policy, parsed.problems) if parsed else _parsed(body, kind)
    return Seen(
        uid=uid,
        namespace=namespace,
        name=name,
        generation=generation,
        version=_number(metadata.get("resourceVersion")),
        created=_text(metadata.get("creationTimestamp")),
        policy=policy,
        problems=problems,
        targets=parsed.targets if parsed else _targets(body, namespace),
        status=status if isinstance(status, Mapping) else None,
        kind=kind,
    )


def version_of(text: object) -> int:
    """A resourceVersion as a number that can be compared (so Kubernetes since 1.35, and etcd always); else 0."""
    return _number(text)


def _parsed(body: Body, kind: str) -> tuple[AnyPolicy | None, tuple[str, ...]]:
    # The status is the operator's own, and kept apart: the spec is what its owner answers for.
    parsed = parse_object({key: value for key, value in body.items() if key != "status"}, kinds=(kind,))
    found: tuple[AnyPolicy, ...] = (*parsed.policies, *parsed.cluster_policies)
    policy = found[0] if found and not parsed.problems else None
    words = [_sentence(problem.path, problem.message, problem.allowed) for problem in parsed.problems]
    rest = len(words) - _MOST_PROBLEMS
    return policy, (*words[:_MOST_PROBLEMS], *([f"and {rest} more problems"] if rest > 0 else []))


def _sentence(path: str, message: str, allowed: str | None) -> str:
    return f"{path + ': ' if path else ''}{message}{'; allowed: ' + allowed if allowed else ''}"


def _targets(body: Body, namespace: str) -> tuple[Target, ...]:
    refs = _mapping(body.get("spec")).get("targetRefs")
    named = [_target(_mapping(ref), namespace) for ref in refs] if isinstance(refs, list) else []
    # 16: the Gateway API's bound for a policy's targets, and for the ancestors in its status.
    own = Target("", "Namespace", namespace, "") if namespace else Target(CLUSTER.group, CLUSTER.kind, CLUSTER.name, "")
    return tuple(target for target in named if target.kind and target.name)[:16] or (own,)


def _target(ref: Body, namespace: str) -> Target:
    kind = _text(ref.get("kind"))
    inside = "" if kind == "Namespace" else _text(ref.get("namespace")) or namespace
    return Target(_text(ref.get("group")), kind, _text(ref.get("name")), inside, _text(ref.get("sectionName")))


def _mapping(value: object) -> Body:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    # 19 digits hold any 64-bit number; ASCII, because "²" is a digit to Python and no number.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20 else 0
