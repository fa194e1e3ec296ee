"""Coverage by a real Envoy's own metrics: calls that the mesh reads are metered, TLS of the app's own is opaque."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from functools import partial
from pathlib import Path

import httpx
from costward_cli.cluster.coverage import Covered, coverage, samples_of
from costward_contract.wiring.catalogue import Provider
from costward_contract.wiring.istio import istio_objects
from costward_contract.wiring.mesh import MeshSpec

from tests.cluster.bench.api import Api
from tests.cluster.bench.mesh import Mesh, Workload, running_sidecar
from tests.cluster.bench.process import free_ports, until
from tests.cluster.test_wiring_istio_sidecar import HOST, NETWORKING, Wired, data_plane_entry, for_the_bench, listener
from tests.fakes.running_data_plane import running_data_plane
from tests.fakes.running_stack import policy
from tests.fakes.running_stand_in import running_stand_in

DIRECT = "direct.example"


def encrypted(port: int, upstream: int) -> dict[str, object]:
    """A provider's host to which apps speak TLS by themselves."""
    spec = {
        "hosts": [DIRECT],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": port, "name": "tls", "protocol": "TLS"}],
        "endpoints": [{"address": "127.0.0.1", "ports": {"tls": upstream}}],
    }
    return {"apiVersion": NETWORKING, "kind": "ServiceEntry", "metadata": {"name": "direct"}, "spec": spec}


async def speak_tls(port: int) -> None:
    """As an app does that asks the provider's own URL; what is behind the mesh here speaks none, so it ends early."""
    context = ssl.create_default_context()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        opening = asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=DIRECT)
        await asyncio.wait_for(opening, 5)


async def test_read_calls_are_metered_and_encrypted_ones_counted(api: Api, mesh: Mesh, tmp_path: Path) -> None:
    port, tls_port = free_ports(2)
    spec = MeshSpec(
        "sidecar",
        (Provider("openai", HOST, tls=False),),
        namespace=api.namespace,
        proxy_namespace=api.namespace,
        port=port,
    )
    sidecar_object = listener(port)
    bound = {"bind": "127.0.0.1", "captureMode": "NONE", "hosts": ["./*"]}
    sidecar_object["spec"]["egress"].insert(
        0, {"port": {"number": tls_port, "name": "tls", "protocol": "TLS"}, **bound}
    )
    async with running_stand_in() as stand_in, running_data_plane(policy(limit_usd="5")) as data_plane:
        upstream = httpx.URL(stand_in.url).port
        assert upstream is not None
        objects = [for_the_bench(one, upstream) for one in istio_objects(spec)]
        api.apply(*objects, data_plane_entry(spec, data_plane.socket), encrypted(tls_port, upstream), sidecar_object)
        with running_sidecar(mesh, Workload("app", api.namespace), tmp_path) as sidecar:
            for wanted in (port, tls_port):
                until(partial(sidecar.listens_on, wanted), f"listener {wanted}", seconds=30, show=sidecar.process.tail)
            wired = Wired(spec, sidecar, stand_in)
            for text in ("When are you open?", "Where are you?", "Who are you?"):
                answer = await wired.ask(wired.alias, text)
                assert answer.headers["x-costward-decision"] == "pass"
            for _ in range(2):
                await speak_tls(tls_port)

            async with httpx.AsyncClient(base_url=sidecar.admin_url) as admin:
                stats = (await admin.get("/stats/prometheus")).text

    shown = "\n".join(line for line in stats.splitlines() if "ext_proc_costward" in line or "outbound|" in line)
    (tmp_path / "stats.txt").write_text(stats)
    rows = coverage([], {"team/app": samples_of(stats)}, [HOST, DIRECT]).workloads
    assert rows == (Covered("team/app", metered=3, unseen=0, opaque=2, hosts=(DIRECT, HOST)),), shown
