"""What the objects of a mesh show of Costward's wiring, and what the proxies there are able to carry. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from costward_contract.metadata import CAPABILITIES, WIRING_HASH, WIRING_VERSION
from costward_contract.versions import Supported
from costward_contract.wiring.mesh import HASH_ANNOTATION, VERSION_LABEL

from costward_cli.cluster.findings import Finding, version_finding
from costward_cli.cluster.pausing import pauses, wirings
from costward_cli.cluster.ports import Obj

_PROXY = "istio-proxy"
"""The container of Istio's sidecars, gateways and waypoints, as its injector names it."""
_RENDER = "costward wiring render --target ... | kubectl apply --server-side -f -"


def wiring_findings(filters: Iterable[Obj]) -> Iterator[Finding]:
    """Of the EnvoyFilters of the whole cluster."""
    listed = list(filters)
    ours = wirings(listed)
    if not ours:
        yield Finding("wiring", "EnvoyFilters", "missing", "none of ours: no proxy asks the data plane", _RENDER)
    for one in ours:
        yield _wiring(one)
    for one in pauses(listed):
        mend = "costward resume, once it is no longer meant"
        yield Finding("pause", _place(one), "degraded", "calls go past Costward, and caps do not hold", mend)


def _wiring(one: Obj) -> Finding:
    version = one["metadata"].get("labels", {}).get(VERSION_LABEL, "none")
    digest = one["metadata"]["annotations"][HASH_ANNOTATION]
    announced = _announced(one)
    if version != WIRING_VERSION:
        told = f"wiring of version {version}; this command knows {WIRING_VERSION}"
        return Finding("wiring", _place(one), "degraded", told, _RENDER)
    if announced.get(WIRING_HASH) != digest:
        told = f"hash {digest}, but proxies announce {announced.get(WIRING_HASH, 'none')}: it was changed by hand"
        return Finding("wiring", _place(one), "missing", told, _RENDER)
    able = announced.get(CAPABILITIES) or "nothing"
    return Finding("wiring", _place(one), "ok", f"version {version}, hash {digest}, its proxies are able to: {able}")


def _announced(one: Obj) -> Mapping[str, str]:
    """What the filter tells the data plane with each call."""
    for patch in one["spec"].get("configPatches", []):
        if patch.get("applyTo") == "HTTP_FILTER":
            config = patch["patch"].get("value", {}).get("typed_config", {})
            pairs = config.get("grpc_service", {}).get("initial_metadata", [])
            if pairs:
                return {pair["key"]: pair["value"] for pair in pairs}
    return {}


def proxy_findings(row: Supported, pods: Iterable[Obj]) -> Iterator[Finding]:
    """Istio's proxies by version, as their images name it. `row`: Istio's, whose proxies carry its version."""
    versions = Counter(version for pod in pods if (version := _proxy_version(pod)) is not None)
    for version, count in sorted(versions.items()):
        yield version_finding(row, version, f"{count} {'proxy' if count == 1 else 'proxies'}")


def istiod_findings(row: Supported, deployments: Iterable[Obj]) -> Iterator[Finding]:
    for one in deployments:
        containers = one["spec"]["template"]["spec"]["containers"]
        version = next((_tag(found["image"]) for found in containers if found["name"] == "discovery"), None)
        if version is not None:
            yield version_finding(row, version, _place(one))


def _proxy_version(pod: Obj) -> str | None:
    spec = pod["spec"]
    # A native sidecar is an init container that goes on running.
    containers = (*spec.get("containers", ()), *spec.get("initContainers", ()))
    return next((_tag(one["image"]) for one in containers if one["name"] == _PROXY), None)


def _tag(image: str) -> str:
    """`1.31.0` of `registry:5000/istio/proxyv2:1.31.0-distroless`; a digest alone tells no version."""
    last = image.rpartition("/")[2].partition("@")[0]
    return last.partition(":")[2]


def _place(one: Obj) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"
