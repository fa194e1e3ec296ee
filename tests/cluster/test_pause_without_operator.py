"""`costward pause` works on a real mesh in which no operator runs: istiod and Envoy alone obey it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.mesh import MeshSpec

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh, Workload, running_sidecar
from tests.cluster.bench.process import free_ports, until
from tests.cluster.test_wiring_istio_sidecar import BODY, HOST, Wired, data_plane_entry, for_the_bench, listener, routes
from tests.fakes.running_data_plane import running_data_plane
from tests.fakes.running_stack import policy
from tests.fakes.running_stand_in import running_stand_in

SECONDS = 20
"""istiod collects changes for 0.1 s to 10 s before it tells proxies, and the processor is shared."""


@pytest.fixture
async def wired_alone(api: Api, mesh: Mesh, tmp_path: Path) -> AsyncIterator[Wired]:
    """A sidecar, the wiring and a data plane that has its policy from a file."""
    (port,) = free_ports(1)
    provider = Provider("openai", HOST, tls=False)
    spec = MeshSpec("sidecar", (provider,), namespace=api.namespace, proxy_namespace=api.namespace, port=port)
    async with running_stand_in() as stand_in, running_data_plane(policy(limit_usd="5")) as data_plane:
        upstream = httpx.URL(stand_in.url).port
        assert upstream is not None
        objects = [for_the_bench(one, upstream) for one in istio_objects(spec)]
        api.apply(*objects, data_plane_entry(spec, data_plane.socket), listener(port))
        with running_sidecar(mesh, Workload("app", api.namespace), tmp_path) as sidecar:
            until(lambda: sidecar.listens_on(port), "istiod's listener", seconds=30, show=sidecar.process.tail)
            until(lambda: "costward/" in routes(sidecar), "our routes", seconds=30, show=lambda: routes(sidecar))
            yield Wired(spec, sidecar, stand_in)


async def costward(api: Api, *words: str) -> str:
    """The command as a person runs it, with nothing but a kubeconfig."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "costward_cli", *words],
        env={"KUBECONFIG": str(api.kubeconfig_for(api.token)), "HOME": str(api.folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def until_decided(wired: Wired, decided: bool) -> None:
    """Asks by alias and by the provider's own name until both are seen by the data plane, or neither is."""
    began = time.monotonic()
    while True:
        answers = [await wired.ask(host, BODY["messages"][0]["content"]) for host in (wired.alias, HOST)]  # type: ignore[index]  # a list of messages
        assert [answer.status_code for answer in answers] == [200, 200]
        found = {"x-costward-decision" in answer.headers for answer in answers}
        if found == {decided}:
            return
        assert time.monotonic() - began < SECONDS, f"seen by the data plane: {found}\n{routes(wired.sidecar)}"
        await asyncio.sleep(0.2)


async def test_paused_calls_pass_unseen_and_are_seen_again_after(wired_alone: Wired, api: Api) -> None:
    await until_decided(wired_alone, True)

    told = await costward(api, "pause", "--namespace", api.namespace)
    assert "paused: envoyfilter" in told
    await until_decided(wired_alone, False)
    assert "costward/" in routes(wired_alone.sidecar), "the wiring itself stays"

    # A caller's own wish for a retry is not heard, so that no second attempt asks the data plane either.
    await wired_alone.provider.fail(status=503, rate=0.5)
    wish = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
    answers = [await wired_alone.ask(wired_alone.alias, text, **wish) for text in ("Where are you?", "And when?")]
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    await wired_alone.provider.fail(status=503, rate=0)

    assert "is gone" in await costward(api, "resume", "-n", api.namespace)
    await until_decided(wired_alone, True)
