"""What policies name beside their namespaces, and what of that is there: objects of the API server -> the compiler's
facts, and why nothing comes through a target that is there.

Only what some policy names is looked up: a cluster whose policies name no targets is asked for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from costward_contract.attachment import Facts, target
from costward_contract.cluster_policy import CLUSTER_KIND
from costward_contract.snapshot import Target
from costward_contract.targets import GROUPS
from costward_contract.wiring.mesh import MANAGED_BY

from costward_operator.core.objects import Body, Seen

Listable = Literal["Namespace", "Service", "ServiceEntry", "Gateway", "HTTPRoute", "EndpointSlice"]
Place: TypeAlias = tuple[Listable, str]
"""A kind, and the namespace in which it is listed; empty: the whole cluster."""

Listed: TypeAlias = Sequence[Body] | str
"""All objects of a place, or why they cannot be listed."""

_KINDS: tuple[Listable, ...] = ("Service", "ServiceEntry", "Gateway", "HTTPRoute")
_SECTIONS = {"Gateway": "listeners", "HTTPRoute": "rules"}
_SLICE_OF = "kubernetes.io/service-name"
"""Label by which an EndpointSlice names its Service."""


@dataclass(frozen=True, slots=True)
class Asked:
    targets: frozenset[Target] = frozenset()
    """Without sections."""
    namespaces: bool = False
    """All of them: a platform's policy reaches also those in which there is no policy."""

    def __bool__(self) -> bool:
        return bool(self.targets) or self.namespaces

    def covers(self, other: Asked) -> bool:
        return self.targets >= other.targets and self.namespaces >= other.namespaces

    @property
    def places(self) -> tuple[Place, ...]:
        """In an order of their own. A Service's pods are seen by its EndpointSlices."""
        found: set[Place] = {(kind, one.namespace) for one in self.targets for kind in _KINDS if kind == one.kind}
        found |= {("EndpointSlice", one.namespace) for one in self.targets if one.kind == "Service"}
        return tuple(sorted(found | ({("Namespace", "")} if self.namespaces else set())))


@dataclass(frozen=True, slots=True)
class Looked:
    facts: Facts | None = None
    """None: nothing was asked for."""
    troubles: Mapping[Target, str] = field(default_factory=dict)


def asked_of(objects: Iterable[Seen]) -> Asked:
    named: set[Target] = set()
    namespaces = False
    for seen in objects:
        if seen.policy is None:
            continue
        namespaces = namespaces or seen.kind == CLUSTER_KIND
        named.update(
            Target(one.group, kind, one.namespace, one.name)
            for one in seen.targets
            for kind in ("Service", "ServiceEntry", "Gateway", "HTTPRoute")
            if kind == one.kind
        )
    return Asked(frozenset(named), namespaces)


def looked(asked: Asked, listed: Mapping[Place, Listed], wired: frozenset[str] | None) -> Looked:
    """`listed`: of each of the places that are asked for. `wired`: hosts whose calls go by a data plane; None: nobody
    can tell."""
    there: dict[Target, frozenset[str]] = {}
    troubles: dict[Target, str] = {}
    for place, found in listed.items():
        if isinstance(found, str):
            # What cannot be seen is not said to be missing: its policy stays in force, and its status tells why.
            unseen = [one for one in asked.targets if (one.kind, one.namespace) == place]
            there.update(dict.fromkeys(unseen, frozenset[str]()))
            troubles.update(dict.fromkeys(unseen, found))
        elif place[0] != "EndpointSlice":
            there.update(_targets(place[0], found))
    for one in asked.targets & there.keys() - troubles.keys():
        why = _trouble(one, listed, wired)
        if why:
            troubles[one] = why
    return Looked(Facts(there), troubles)


def _targets(kind: Listable, found: Sequence[Body]) -> Iterator[tuple[Target, frozenset[str]]]:
    for body in found:
        metadata = _mapping(body.get("metadata"))
        listed = _mapping(body.get("spec")).get(_SECTIONS.get(kind, ""))
        names = (_mapping(each).get("name") for each in (listed if isinstance(listed, list) else []))
        sections = frozenset(str(name) for name in names if name)
        for known in GROUPS:
            if known == kind:
                yield target(known, str(metadata.get("namespace", "")), str(metadata.get("name"))), sections


def _trouble(one: Target, listed: Mapping[Place, Listed], wired: frozenset[str] | None) -> str:
    if one.kind == "Service":
        slices = listed.get(("EndpointSlice", one.namespace), "")
        return "" if isinstance(slices, str) else _without_pods(one, _body(one, listed), slices)
    if one.kind == "ServiceEntry" and wired is not None:
        hosts = _mapping(_body(one, listed).get("spec")).get("hosts")
        bare = sorted({str(host) for host in (hosts if isinstance(hosts, list) else [])} - wired)
        if bare:
            where = f"no wiring sends calls of {', '.join(bare)} by a data plane"
            return f"{where}: render one with this provider (`costward wiring render`)"
    return ""


def _without_pods(one: Target, service: Body, slices: Sequence[Body]) -> str:
    labels = _mapping(_mapping(service.get("metadata")).get("labels"))
    if _mapping(service.get("spec")).get("type") == "ExternalName" or MANAGED_BY.items() <= labels.items():
        # An alias of ours has no endpoints on purpose: the mesh sends its calls to the provider.
        return ""
    if any(_is_ready(each) for each in slices if _labelled(each) == one.name):
        return ""
    return f"the Service {one.namespace}/{one.name} has no ready pods: look at its selector and at them"


def _is_ready(slice_: Body) -> bool:
    listed = slice_.get("endpoints")
    endpoints = [_mapping(each) for each in (listed if isinstance(listed, list) else [])]
    # Unknown counts as ready, as the API has it.
    return any(_mapping(each.get("conditions")).get("ready", True) is not False for each in endpoints)


def _labelled(slice_: Body) -> object:
    return _mapping(_mapping(slice_.get("metadata")).get("labels")).get(_SLICE_OF)


def _body(one: Target, listed: Mapping[Place, Listed]) -> Body:
    kind: Listable = "Service" if one.kind == "Service" else "ServiceEntry"
    found = listed.get((kind, one.namespace), "")
    bodies = [] if isinstance(found, str) else found
    return next((body for body in bodies if _mapping(body.get("metadata")).get("name") == one.name), {})


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
