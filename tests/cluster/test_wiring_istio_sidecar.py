"""istiod makes, from the rendered objects, an Envoy that sends LLM calls by the data plane, by alias and by name."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import openai
import pytest
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_hash, istio_objects
from costward_contract.wiring.istio_patches import envoy_filter_name
from costward_contract.wiring.mesh import MeshSpec, Obj
from costward_operator.proof.evidence import Answer, Traffic
from costward_operator.proof.evidence import Path as TrafficPath
from costward_operator.proof.istiod import Istiod
from costward_operator.proof.prover import LOOK_S, Prover

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh, Sidecar, Workload, running_sidecar
from tests.cluster.bench.process import free_ports, until
from tests.fakes.running_data_plane import running_data_plane
from tests.fakes.running_stack import policy
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

    def sdk(self, host: str, user: str | None = "ada") -> openai.AsyncOpenAI:
        """As an app has it, whose base URL names `host`; there is no DNS here."""
        headers = {"host": host} | ({"x-user-id": user} if user else {})
        url = f"http://127.0.0.1:{self.spec.port}/v1"
        return openai.AsyncOpenAI(base_url=url, api_key="sk-app", default_headers=headers)

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
def limit_usd() -> str:
    """A user's cap; tests of caps give another."""
    return "5"


@pytest.fixture
async def wired(api: Api, mesh: Mesh, tmp_path: Path, limit_usd: str) -> AsyncIterator[Wired]:
    (port,) = free_ports(1)
    provider = Provider("openai", HOST, tls=False)
    spec = MeshSpec("sidecar", (provider,), namespace=api.namespace, proxy_namespace=api.namespace, port=port)
    async with running_stand_in() as stand_in, running_data_plane(policy(limit_usd=limit_usd)) as data_plane:
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


async def told(sdk: openai.AsyncOpenAI, text: str, model: str = "gpt-5-mini", *, stream: bool = False) -> Any:
    """The headers of an answer that was read whole."""
    messages: Any = [{"role": "user", "content": text}]
    raw = await sdk.chat.completions.with_raw_response.create(model=model, messages=messages, stream=stream)
    if stream:
        parsed: Any = raw.parse()
        assert [chunk async for chunk in parsed]
    return raw.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdk_gets_a_hit_for_what_was_asked_before(wired: Wired, stream: bool) -> None:
    for host in (wired.alias, HOST):
        async with wired.sdk(host, user=host) as sdk:
            first, second = [await told(sdk, "When are you open?", stream=stream) for _ in range(2)]

        assert first["x-costward-decision"] == "pass"
        assert second["x-costward-decision"] == "hit-exact"


async def test_without_a_user_nothing_is_served_from_a_users_cache(wired: Wired) -> None:
    async with wired.sdk(wired.alias, user=None) as sdk:
        reasons = [(await told(sdk, "When are you open?"))["x-costward-reason"] for _ in range(2)]

    assert reasons == ["cache-bypass-no-user"] * 2


async def test_the_sdks_alias_model_is_routed(wired: Wired) -> None:
    async with wired.sdk(wired.alias) as sdk:
        headers = await told(sdk, "When are you open?", model="auto")

    assert (headers["x-costward-decision"], headers["x-costward-model"]) == ("route", "gpt-5")


@pytest.mark.parametrize("limit_usd", ["0.0001"])
async def test_a_spent_cap_refuses_the_sdk(wired: Wired) -> None:
    async with wired.sdk(wired.alias) as sdk:
        # Some answers spend it; the first may be admitted alone.
        for number in range(3):
            with contextlib.suppress(openai.RateLimitError):
                await told(sdk, f"Where is branch {number}?")
        with pytest.raises(openai.RateLimitError) as caught:
            await told(sdk, "Where is the last branch?")

    assert caught.value.response.headers["x-costward-decision"] == "refuse"


class Nobody:
    """Sidecars have no entrance to probe, and no exchange is reported here."""

    @property
    def seen(self) -> Mapping[tuple[str, str], float]:
        return {}

    async def ask(self, path: TrafficPath) -> Answer:
        raise AssertionError(f"{path} has no entrance")


async def test_a_dropped_filter_is_told_within_ten_seconds(wired: Wired, mesh: Mesh, api: Api) -> None:
    spec, ref = wired.spec, f"{api.namespace}/bot"
    path = TrafficPath("sidecar", "", "", istio_hash(spec), frozenset({wired.alias, HOST}))
    governed = Traffic(ref, frozenset({api.namespace}))
    async with aiohttp.ClientSession() as http:
        istiod = Istiod(http, mesh.debug_url, lambda: "none needed on loopback")
        prover = Prover(lambda: [governed], lambda: [path], istiod, Nobody(), Nobody(), time.time)
        await prover.once()
        assert prover.proofs[ref].kind == "Configured", prover.proofs[ref].message

        api.kubectl("delete", "envoyfilter", envoy_filter_name(spec))
        async with asyncio.timeout(10):
            while prover.proofs[ref].kind != "Unproven":
                await asyncio.sleep(LOOK_S)
                await prover.once()

    assert "has no filter" in prover.proofs[ref].message
