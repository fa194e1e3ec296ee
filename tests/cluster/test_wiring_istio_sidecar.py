"""istiod makes, from the rendered objects, an Envoy that sends LLM calls by the data plane, by alias and by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.mesh import MeshSpec, Obj

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh, Sidecar, Workload, running_sidecar
from tests.cluster.bench.process import free_ports, until
from tests.fakes.running_data_plane import running_data_plane
from tests.fakes.running_stand_in import RunningStandIn, running_stand_in

HOST = "provider.example"
NETWORKING = "networking.istio.io/v1"
BODY = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "How do I reset my password?"}]}


@dataclass(frozen=True, slots=True)
class Wired:
    spec: MeshSpec
    sidecar: Sidecar
    provider: RunningStandIn

    @property
    def alias(self) -> str:
        return self.spec.alias(self.spec.providers[0])

    async def ask(self, host: str, text: str, **headers: str) -> httpx.Response:
        body = {**BODY, "messages": [{"role": "user", "content": text}]}
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(
                f"http://127.0.0.1:{self.spec.port}/v1/chat/completions",
                json=body,
                headers={"host": host, "authorization": "Bearer sk-app", "x-user-id": "ada", **headers},
            )


def for_the_bench(one: Obj, provider_port: int) -> Obj:
    """No DNS and no Istio agent here: the provider has a fixed address, the hop to our socket needs no certificate."""
    spec = one["spec"]
    if one["kind"] == "ServiceEntry":
        endpoint = {"address": "127.0.0.1", "ports": {"http": provider_port}}
        spec = {**spec, "resolution": "STATIC", "endpoints": [endpoint]}
    if one["kind"] == "DestinationRule":
        spec = {**spec, "trafficPolicy": {k: v for k, v in spec["trafficPolicy"].items() if k != "tls"}}
    return {**one, "spec": spec}


def data_plane_entry(spec: MeshSpec, socket: Path) -> dict[str, Any]:
    """The data plane's Service: endpoints of a Kubernetes one could not be a socket."""
    body = {
        "hosts": [spec.data_plane_host],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": spec.data_plane_port, "name": "grpc-extproc", "protocol": "GRPC"}],
        "endpoints": [{"address": f"unix://{socket}"}],
    }
    return {"apiVersion": NETWORKING, "kind": "ServiceEntry", "metadata": {"name": "data-plane"}, "spec": body}


def listener(port: int) -> dict[str, Any]:
    bound = {
        "port": {"number": port, "name": "http", "protocol": "HTTP"},
        "bind": "127.0.0.1",
        "captureMode": "NONE",
        "hosts": ["./*"],
    }
    egress = [bound, {"hosts": ["./*"]}]
    return {"apiVersion": NETWORKING, "kind": "Sidecar", "metadata": {"name": "app"}, "spec": {"egress": egress}}


@pytest.fixture
async def wired(api: Api, mesh: Mesh, tmp_path: Path) -> AsyncIterator[Wired]:
    (port,) = free_ports(1)
    provider = Provider("openai", HOST, tls=False)
    spec = MeshSpec("sidecar", (provider,), namespace=api.namespace, proxy_namespace=api.namespace, port=port)
    async with running_stand_in() as stand_in, running_data_plane() as data_plane:
        upstream = httpx.URL(stand_in.url).port
        assert upstream is not None
        objects = [for_the_bench(one, upstream) for one in istio_objects(spec)]
        api.apply(*objects, data_plane_entry(spec, data_plane.socket), listener(port))
        with running_sidecar(mesh, Workload("app", api.namespace), tmp_path) as sidecar:
            until(lambda: sidecar.listens_on(port), "istiod's listener", seconds=30, show=sidecar.process.tail)
            until(lambda: "costward/" in routes(sidecar), "our routes", seconds=30, show=lambda: routes(sidecar))
            yield Wired(spec, sidecar, stand_in)


def routes(sidecar: Sidecar) -> str:
    found = [one for one in sidecar.config_dump()["configs"] if "RoutesConfigDump" in one["@type"]]
    return json.dumps(found)


async def test_calls_by_alias_and_by_the_providers_name_go_by_the_data_plane(wired: Wired) -> None:
    by_alias = await wired.ask(wired.alias, "How do I reset my password?")
    direct = await wired.ask(HOST, "Is there a student discount?")

    for answer in (by_alias, direct):
        assert (answer.status_code, answer.headers["x-costward-decision"]) == (200, "pass"), dict(answer.headers)
        assert answer.json()["choices"]


async def test_envoy_takes_the_chain_for_second_attempts_whole(wired: Wired) -> None:
    dump = json.dumps(wired.sidecar.config_dump())
    rejected = [one.get("error_state") for one in wired.sidecar.config_dump()["configs"] if one.get("error_state")]

    assert not rejected
    for part in ("costward.fallback", "envoy.filters.http.upstream_codec", "costward.attempt_headers"):
        assert part in dump, part
    answer = await wired.ask(wired.alias, "Is there a student discount?")
    assert answer.status_code == 200


async def test_a_callers_controls_ask_for_no_retry(wired: Wired) -> None:
    await wired.provider.fail(status=503, rate=0.5)
    controls = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}

    answers = [await wired.ask(wired.alias, text, **controls) for text in ("What are your hours?", "Where are you?")]

    # Every second attempt fails: a retry that the caller asked for would have hidden it.
    assert sorted(answer.status_code for answer in answers) == [200, 503]
