"""The kill switch: calls go to their providers past Costward, by an object that the mesh obeys and no process of ours.

Each EnvoyFilter of the wiring puts routes of its own in front of Istio's, with the filter enabled there. A pause is a
second EnvoyFilter beside it, applied later, which puts the same routes once more in front of those, with the filter
left off as it is by default. Routes move to proxies without draining a listener, so that no stream ends. Istio
changes no routes that another EnvoyFilter inserts, so that a MERGE could not do it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from costward_contract.wiring.mesh import HASH_ANNOTATION

from costward_cli.cluster.ports import Obj

PAUSED_LABEL = "costward.dev/paused"
"""Label of each EnvoyFilter of a pause: `kubectl delete envoyfilter -A -l costward.dev/paused` resumes too."""
PRIORITY = 100
"""Above 0, that of the wiring, which comes first then. Room below for a person's own patches."""
ROOT_NAMESPACE = "istio-system"
"""Istio's own default."""

_SUFFIX = "-paused"
_FILTER = "costward.ext_proc"
"""`wiring.ext_proc.FILTER_NAME`, whose module takes a second to load: too long for a kill switch."""
_OURS, _PAUSED = "costward/", "costward-paused/"


def wirings(filters: Iterable[Obj]) -> list[Obj]:
    """Those EnvoyFilters that put Costward into a path."""
    return [one for one in filters if HASH_ANNOTATION in _annotations(one) and any(_route_patches(one))]


def pauses(filters: Iterable[Obj], namespace: str | None = None) -> list[Obj]:
    """Those that pause, of one namespace or all."""
    return [
        one
        for one in filters
        if PAUSED_LABEL in one["metadata"].get("labels", {}) and namespace in (None, one["metadata"]["namespace"])
    ]


def paused(filters: Iterable[Obj], namespace: str | None = None, root: str = ROOT_NAMESPACE) -> list[Obj]:
    """The EnvoyFilters that pause every wiring among `filters`, or all proxies of one namespace.

    `root`: Istio's root namespace. What stands there for all sidecars is paused for `namespace` alone by an EnvoyFilter
    in that namespace, which Istio applies after those of its root.
    """
    made = []
    for one in wirings(filters):
        home = one["metadata"]["namespace"]
        if namespace in (None, home):
            made.append(_pause_of(one, home))
        elif home == root and _is_of_sidecars(one):
            made.append(_pause_of(one, namespace))
    return made


def _pause_of(wiring: Obj, namespace: str) -> Obj:
    metadata, spec = wiring["metadata"], wiring["spec"]
    labels = {"app.kubernetes.io/part-of": "costward", PAUSED_LABEL: "true"}
    # Istio reads objects of its own revision alone.
    labels |= {key: value for key, value in metadata.get("labels", {}).items() if key == "istio.io/rev"}
    aim = {key: spec[key] for key in ("workloadSelector", "targetRefs") if key in spec}
    patches = [_without_filter(patch) for patch in _route_patches(wiring)]
    return {
        "apiVersion": wiring["apiVersion"],
        "kind": wiring["kind"],
        "metadata": {"name": metadata["name"] + _SUFFIX, "namespace": namespace, "labels": labels},
        "spec": {**aim, "priority": PRIORITY, "configPatches": patches},
    }


def _is_of_sidecars(wiring: Obj) -> bool:
    contexts = {patch.get("match", {}).get("context") for patch in _route_patches(wiring)}
    return contexts == {"SIDECAR_OUTBOUND"}


def _route_patches(wiring: Obj) -> Iterator[Obj]:
    for patch in wiring["spec"].get("configPatches", []):
        route = patch.get("patch", {}).get("value", {})
        if patch.get("applyTo") == "HTTP_ROUTE" and str(route.get("name", "")).startswith(_OURS):
            yield patch


def _without_filter(patch: Obj) -> Obj:
    changed = copy.deepcopy(patch)
    route = changed["patch"]["value"]
    # Another name: whoever counts routes of ours must not count these.
    route["name"] = _PAUSED + route["name"].removeprefix(_OURS)
    for key in ("typed_per_filter_config", "typedPerFilterConfig"):
        route.get(key, {}).pop(_FILTER, None)
    return changed


def _annotations(one: Obj) -> Mapping[str, Any]:
    found: Mapping[str, Any] = one["metadata"].get("annotations") or {}
    return found
