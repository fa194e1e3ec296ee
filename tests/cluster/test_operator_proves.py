"""The operator's process calls a policy programmed once istiod gave its proxies the filter, and no more once it is
dropped."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.istio_patches import envoy_filter_name
from costward_contract.wiring.mesh import MeshSpec

from tests.cluster.bench.api import Api
from tests.cluster.bench.costward import Installed, installed_costward
from tests.cluster.bench.mesh import Mesh, Sidecar, Workload, running_sidecar
from tests.cluster.bench.policies import condition, policy, until_true
from tests.cluster.bench.process import Process, free_ports, until
from tests.cluster.test_wiring_istio_sidecar import data_plane_entry, for_the_bench, listener
from tests.fakes.running_delivery import following

TOLD_S = 10.0
"""Promised: from the filter's end until the status says so."""


@pytest.fixture
def installed(api: Api, mesh: Mesh, tmp_path: Path) -> Iterator[Installed]:
    with installed_costward(api, tmp_path, f"--set=operator.istiod.url={mesh.debug_url}") as costward:
        yield costward


@pytest.fixture
def wired(api: Api, mesh: Mesh, tmp_path: Path) -> Iterator[MeshSpec]:
    """An app's proxy, which istiod configures from the rendered objects. Nothing is asked by it here."""
    (port,) = free_ports(1)
    provider = Provider("openai", "provider.example", tls=False)
    spec = MeshSpec("sidecar", (provider,), namespace=api.namespace, proxy_namespace=api.namespace, port=port)
    objects = [for_the_bench(one, port) for one in istio_objects(spec)]
    api.apply(*objects, data_plane_entry(spec, tmp_path / "extproc.sock"), listener(port))
    with running_sidecar(mesh, Workload("app", api.namespace), tmp_path) as sidecar:
        until(lambda: _has_filter(sidecar), "the filter in the proxy", seconds=30, show=sidecar.process.tail)
        yield spec


@pytest.fixture
def address(installed: Installed, wired: MeshSpec, mesh: Mesh, tmp_path: Path, shown: list[Process]) -> Iterator[str]:
    token = tmp_path / "istio-token"
    token.write_text("none is needed on loopback")
    operator = installed.operator(COSTWARD_ISTIOD_URL=mesh.debug_url, COSTWARD_ISTIOD_TOKEN_FILE=str(token))
    shown.append(operator.process)
    operator.process.start()
    yield operator.address
    operator.process.stop()
    shown.remove(operator.process)


def _has_filter(sidecar: Sidecar) -> bool:
    return "costward.ext_proc" in json.dumps(sidecar.config_dump())


def programmed(api: Api) -> str:
    return condition(api.get("costpolicy", "bot"), "Programmed")


def delete_the_filter(api: Api, spec: MeshSpec) -> None:
    api.kubectl("delete", "envoyfilter", envoy_filter_name(spec))


def have_istiod_drop_it(api: Api, spec: MeshSpec) -> None:
    """A patch of a type that istiod does not know: it drops the patch, with a line in its own log alone."""
    (made,) = [one for one in istio_objects(spec) if one["kind"] == "EnvoyFilter"]
    for patch in made["spec"]["configPatches"]:
        if patch["applyTo"] == "HTTP_FILTER":
            patch["patch"]["value"].get("typed_config", {})["@type"] = "type.googleapis.com/costward.Unknown"
    api.apply(made)


@pytest.mark.parametrize("drop", [delete_the_filter, have_istiod_drop_it])
async def test_it_is_programmed_while_the_proxies_have_the_filter(
    installed: Installed,
    address: str,
    wired: MeshSpec,
    api: Api,
    tmp_path: Path,
    drop: Callable[[Api, MeshSpec], None],
) -> None:
    await asyncio.to_thread(api.apply, policy(api.namespace))
    async with following(installed.source(address, "plane"), tmp_path / "good"):
        await until_true(lambda: programmed(api) == "True/Configured")

        await asyncio.to_thread(drop, api, wired)
        began = time.monotonic()
        await until_true(lambda: programmed(api) == "False/Unproven")

    assert time.monotonic() - began < TOLD_S
    assert "wiring" in _message(api) or "filter" in _message(api)


def _message(api: Api) -> str:
    conditions: list[dict[str, Any]] = api.get("costpolicy", "bot")["status"]["conditions"]
    return next(str(each["message"]) for each in conditions if each["type"] == "Programmed")
