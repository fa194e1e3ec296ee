"""A pause is made of the wiring alone: the same routes for the same proxies, in front, with the filter off."""

from __future__ import annotations

from typing import Any

import pytest
from costward_cli.cluster.pausing import PRIORITY, paused, pauses, wirings
from costward_contract.wiring.catalogue import named
from costward_contract.wiring.ext_proc import FILTER_NAME
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.mesh import MeshSpec, Position

PROVIDERS = named(["openai", "groq"])
ROOT = "istio-system"


def filter_of(position: Position, namespace: str = "egress", **more: Any) -> dict[str, Any]:
    objects = istio_objects(MeshSpec(position, PROVIDERS, proxy_namespace=namespace, **more))
    return next(one for one in objects if one["kind"] == "EnvoyFilter")


def routes(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [patch["patch"]["value"] for patch in one["spec"]["configPatches"] if patch["applyTo"] == "HTTP_ROUTE"]


@pytest.mark.parametrize("position", ["gateway", "waypoint", "sidecar"])
def test_each_route_of_the_wiring_stands_once_more_without_the_filter(position: Position) -> None:
    wiring = filter_of(position)

    (made,) = paused([wiring])

    assert [route["match"] for route in routes(made)] == [route["match"] for route in routes(wiring)]
    assert [route["route"] for route in routes(made)] == [route["route"] for route in routes(wiring)]
    assert len(made["spec"]["configPatches"]) == len(routes(wiring))
    assert FILTER_NAME not in str(made)
    # The callers' x-envoy-* headers ask for nothing while paused either.
    assert all("costward.callers_controls" in str(route["typed_per_filter_config"]) for route in routes(made))


@pytest.mark.parametrize("position", ["gateway", "waypoint", "sidecar"])
def test_it_is_for_the_same_proxies_and_applied_later(position: Position) -> None:
    wiring = filter_of(position, revision="canary")

    (made,) = paused([wiring])

    for key in ("workloadSelector", "targetRefs"):
        assert made["spec"].get(key) == wiring["spec"].get(key)
    assert made["spec"]["priority"] == PRIORITY > wiring["spec"].get("priority", 0)
    assert made["metadata"]["labels"]["istio.io/rev"] == "canary"


def test_a_pause_is_no_wiring_and_is_found_again() -> None:
    made = paused([filter_of("gateway"), filter_of("sidecar", ROOT)])

    assert len(made) == 2
    assert wirings(made) == []
    assert pauses(made) == made
    assert [one["metadata"]["namespace"] for one in pauses(made, "egress")] == ["egress"]


def test_a_namespace_of_sidecars_is_paused_apart_from_all_others() -> None:
    everywhere, gateway = filter_of("sidecar", ROOT), filter_of("gateway")

    (made,) = paused([everywhere, gateway], "team-a")

    assert made["metadata"]["namespace"] == "team-a"


def test_what_is_not_ours_is_left_alone() -> None:
    wiring = filter_of("gateway")
    foreign = {**wiring, "metadata": {"name": "theirs", "namespace": "egress"}}

    assert paused([foreign]) == []
    assert paused([wiring], "another") == []
