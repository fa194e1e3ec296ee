"""An EnvoyFilter of ours, as it stands in the cluster -> the wiring that its proxies should run.

What is applied says what is wanted, and nothing of whether it is so: that is what the prover asks the proxies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from costward_contract.wiring.ext_proc import FILTER_NAME
from costward_contract.wiring.mesh import HASH_ANNOTATION, Position

from costward_operator.core.objects import Body
from costward_operator.proof.evidence import Path

_POSITIONS: Mapping[str, Position] = {
    "GATEWAY": "gateway",
    "SIDECAR_INBOUND": "waypoint",
    "SIDECAR_OUTBOUND": "sidecar",
}
"""By the context of the patch that puts the filter in (`wiring.istio_patches`)."""

_ROUTE = ("costward/", "/calls")
"""Routes that ask a data plane are named `costward/HOST/…/calls`."""


def path_of(envoy_filter: Body) -> Path | None:
    """None where it is not one of ours, or not one that this version renders."""
    metadata, spec = _mapping(envoy_filter.get("metadata")), _mapping(envoy_filter.get("spec"))
    digest = _mapping(metadata.get("annotations")).get(HASH_ANNOTATION)
    position = next((found for patch in _patches(spec) if (found := _position(patch))), None)
    if not isinstance(digest, str) or position is None:
        return None
    hosts = frozenset(host for patch in _patches(spec) if (host := _host(patch)))
    if position == "sidecar":
        return Path(position, "", "", digest, hosts)
    return Path(position, str(metadata.get("namespace", "")), _proxy(metadata, position), digest, hosts)


def _proxy(metadata: Mapping[str, Any], position: Position) -> str:
    """`costward-POSITION-NAME`, as `wiring.istio_patches.envoy_filter_name` has it."""
    return str(metadata.get("name", "")).removeprefix(f"costward-{position}-")


def _patches(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = spec.get("configPatches")
    yield from (_mapping(one) for one in (listed if isinstance(listed, list) else []))


def _position(patch: Mapping[str, Any]) -> Position | None:
    value = _mapping(_mapping(patch.get("patch")).get("value"))
    if patch.get("applyTo") != "HTTP_FILTER" or value.get("name") != FILTER_NAME:
        return None
    return _POSITIONS.get(str(_mapping(patch.get("match")).get("context")))


def _host(patch: Mapping[str, Any]) -> str:
    name = _mapping(_mapping(patch.get("patch")).get("value")).get("name")
    first, last = _ROUTE
    if patch.get("applyTo") != "HTTP_ROUTE" or not isinstance(name, str) or not name.startswith(first):
        return ""
    return name.removeprefix(first).partition("/")[0] if name.endswith(last) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
