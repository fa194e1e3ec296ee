"""A rendered EnvoyFilter says which proxies should run which wiring, and what is none of ours says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_hash, istio_objects
from costward_contract.wiring.mesh import MeshSpec, Position
from costward_operator.core.wired import path_of

PROVIDERS = (Provider("openai", "api.openai.com"), Provider("anthropic", "api.anthropic.com"))


def rendered(spec: MeshSpec) -> dict[str, Any]:
    (one,) = [made for made in istio_objects(spec) if made["kind"] == "EnvoyFilter"]
    return one


@pytest.mark.parametrize("position", ["gateway", "waypoint", "sidecar"])
def test_what_is_rendered_is_read_back(position: Position) -> None:
    spec = MeshSpec(position, PROVIDERS, proxy_namespace="edge", proxy="llm")

    path = path_of(rendered(spec))

    assert path is not None
    assert (path.position, path.hash) == (position, istio_hash(spec))
    assert path.hosts == {host for one in PROVIDERS for host in (spec.alias(one), one.host)}
    where = ("", "") if position == "sidecar" else ("edge", "llm")
    assert (path.namespace, path.proxy) == where


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"metadata": {"name": "costward-sidecar"}, "spec": {"configPatches": [{"applyTo": "CLUSTER"}]}},
        {"metadata": {"annotations": {"costward.dev/wiring-hash": "sha256:1"}}, "spec": {"configPatches": None}},
        {"metadata": None, "spec": [1, 2]},
    ],
)
def test_what_is_not_ours_says_nothing(body: dict[str, Any]) -> None:
    assert path_of(body) is None
