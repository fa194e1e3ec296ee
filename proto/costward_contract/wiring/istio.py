"""A mesh of Istio's, wired: objects for an egress gateway, a waypoint or sidecars. Pure: MeshSpec -> plain dicts."""

from __future__ import annotations

import hashlib
import json

from costward_contract.metadata import WIRING_VERSION
from costward_contract.wiring.istio_hosts import host_objects
from costward_contract.wiring.istio_patches import envoy_filter
from costward_contract.wiring.mesh import HASH_ANNOTATION, VERSION_LABEL, MeshSpec, Obj, mesh_problems
from costward_contract.wiring.spec import WiringError


def istio_objects(spec: MeshSpec) -> list[Obj]:
    """All objects in the order in which they are applied: first what keeps traffic working without Costward (aliases,
    TLS), last the EnvoyFilter, which an operator owns. Each carries the wiring's version and hash.

    Raises WiringError with every problem of `spec`.
    """
    problems = mesh_problems(spec)
    if problems:
        raise WiringError(problems)
    digest = istio_hash(spec)
    return [_stamped(one, digest) for one in _objects(spec, digest)]


def istio_hash(spec: MeshSpec) -> str:
    """`sha256:` + 16 hex digits of everything but the hash itself, as for a plain Envoy."""
    return digest_of(_objects(spec, ""))


def digest_of(objects: list[Obj]) -> str:
    canonical = json.dumps(objects, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()[:16]


def sidecar_egress_hosts(spec: MeshSpec) -> list[str]:
    """What a namespace that restricts its sidecars by a `Sidecar` resource must list, as `namespace/host`.

    The EnvoyFilter cannot bring a cluster there, and a missing one shows as requests that pass unseen.
    """
    hosts = [spec.data_plane_host]
    for provider in spec.providers:
        hosts += [spec.alias(provider), provider.host]
    return [f"{spec.namespace}/{host}" for host in hosts]


def _objects(spec: MeshSpec, digest: str) -> list[Obj]:
    return [*host_objects(spec), envoy_filter(spec, digest)]


def _stamped(one: Obj, digest: str) -> Obj:
    metadata = one["metadata"]
    return {
        **one,
        "metadata": {
            **metadata,
            "labels": {**metadata["labels"], VERSION_LABEL: WIRING_VERSION},
            "annotations": {**metadata.get("annotations", {}), HASH_ANNOTATION: digest},
        },
    }
