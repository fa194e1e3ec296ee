"""The operator's process against a real API server with so many policies: how long each step takes and what it costs.

Everything is seen from outside the process: its metrics, /proc, and the API server's audit log.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import psutil

from tests.cluster.bench.api import Api
from tests.cluster.bench.audit import asked_by
from tests.cluster.bench.control_plane import ControlPlane
from tests.cluster.bench.process import Process, free_ports, until
from tools.cluster_parts import ROOT

CHART = ROOT / "charts" / "costward"
SYSTEM = "costward-system"
GROUP = "/apis/costward.dev/v1alpha1"
TEAMS = 100
"""Namespaces that the policies lie in: a large company's teams."""
BURST = 1_000
"""Changes at once: a GitOps tool that brings a new default to every team."""
IN_FLIGHT = 16
"""Writes of this tool at one time: keeps an API server on two cores busy, and none waits for its time-out."""
STEP_S = 600.0
"""Beyond the longest step, 10,000 first statuses at 50 a second, by three times."""
QUIET_S = 5.0
"""After a restart, how long writes are waited for: ten times the loop's own look."""
SAVED_S = 8.0
"""Within which the last snapshot is stored for cold starts (by default every 5 s): else the next process stores it."""

Progress = Callable[[str, int, int], None]
"""Told what goes on, and how much of how much of it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one number of policies. Seconds are wall seconds unless they are named CPU."""

    policies: int
    publish_s: float
    """From the start of the process to its first publish."""
    publish_cpu_s: float
    statuses_s: float
    """From the start until the status of every policy is true."""
    statuses_cpu_s: float
    changes: int
    burst_publish_s: float
    """From the first change to the publish after which nothing was published any more."""
    burst_s: float
    """From the first change until every status is true again."""
    burst_cpu_s: float
    peak_mib: float
    """The most memory until then (VmHWM)."""
    restart_writes: int
    """Requests of the restarted operator that write to policies, events or stored snapshots."""
    restart_cpu_s: float


def body(number: int, limit: str = "5") -> dict[str, Any]:
    """A policy with two models and a cap; its own name, one of the teams' namespaces."""
    return {
        "apiVersion": "costward.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": f"policy-{number}", "namespace": f"team-{number % TEAMS}"},
        "spec": {
            "owner": {"team": f"team-{number % TEAMS}"},
            "workloads": {"serviceAccounts": [f"bot-{number // TEAMS}"]},
            "models": [{"name": "small", "model": "gpt-5-mini"}, {"name": "large", "model": "gpt-5"}],
            "tiers": [{"name": "all", "caps": [{"per": "Workload", "window": "Day", "limitUSD": limit}]}],
        },
    }


class Operator:
    """The process with exactly the chart's rights, without a delivery port: no data plane takes part."""

    def __init__(self, api: Api, folder: Path) -> None:
        (port,) = free_ports(1)
        self.user = f"system:serviceaccount:{api.namespace}:costward-operator"
        self._url = f"http://127.0.0.1:{port}/metrics"
        token = folder / "operator-token"
        token.write_text(api.token_for("costward-operator"))
        settings = {
            "COSTWARD_KUBE_SERVER": api.url,
            "COSTWARD_KUBE_TOKEN_FILE": str(token),
            "COSTWARD_KUBE_CA_FILE": str(api.ca),
            "COSTWARD_NAMESPACE": api.namespace,
            "COSTWARD_ADMIN_LISTEN": f"127.0.0.1:{port}",
            "COSTWARD_DELIVERY_LISTEN": "off",
            # No data plane will come: its absence is believed soon, so that each status is written once.
            "COSTWARD_SETTLE_SECONDS": "1",
        }
        command = (sys.executable, "-m", "costward_operator")
        # Whether it is ready is asked by what is measured.
        self.process = Process("operator", command, folder / "operator.log", lambda: True, settings)

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    @property
    def peak_mib(self) -> float:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def metric(self, name: str) -> float:
        """0 where it is not told (yet)."""
        try:
            text = httpx.get(self._url, timeout=5).text
        except httpx.TransportError:
            return 0.0
        found = re.search(rf"^costward_operator_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def until(self, holds: Callable[[], bool], what: str) -> None:
        until(holds, what, seconds=STEP_S, show=self.process.tail)


class Cluster:
    """Writes and reads many policies at once, as the admin."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def install(self, *, namespace: str = SYSTEM) -> Api:
        """The chart: CRDs and rights. Returns the admin's view of its namespace."""
        api = self._api.in_namespace(namespace)
        api.kubectl("create", "namespace", namespace)
        api.helm("install", "costward", str(CHART), "-f", str(CHART / "ci" / "secrets-values.yaml"), "--take-ownership")
        return api

    def create_teams(self, count: int) -> None:
        names = [f"team-{number}" for number in range(min(count, TEAMS))]
        self._api.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))

    def create(self, bodies: Sequence[dict[str, Any]], progress: Progress) -> None:
        self._all("POST", [(_place(one), one) for one in bodies], "policies created", progress)

    def change(self, bodies: Sequence[dict[str, Any]], progress: Progress) -> None:
        changes = [(f"{_place(one)}/{one['metadata']['name']}", {"spec": one["spec"]}) for one in bodies]
        self._all("PATCH", changes, "policies changed", progress)

    def untrue(self) -> int:
        """Policies whose status does not say what is true of their present generation: that no data plane has it."""
        url, headers = f"{self._api.url}{GROUP}/costpolicies", self._headers()
        answer = httpx.get(url, headers=headers, verify=self._tls(), timeout=60).raise_for_status()
        return sum(not _is_true(one) for one in answer.json()["items"])

    def _all(self, method: str, calls: Sequence[tuple[str, dict[str, Any]]], what: str, progress: Progress) -> None:
        asyncio.run(self._send(method, calls, what, progress))

    async def _send(
        self, method: str, calls: Sequence[tuple[str, dict[str, Any]]], what: str, progress: Progress
    ) -> None:
        content = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
        connector = aiohttp.TCPConnector(ssl=self._tls(), limit=IN_FLIGHT)
        headers = {**self._headers(), **content}
        async with aiohttp.ClientSession(self._api.url, connector=connector, headers=headers) as http:

            async def one(path: str, sent: dict[str, Any]) -> None:
                async with http.request(method, path, json=sent) as answer:
                    answer.raise_for_status()

            await _in_turn([one(*call) for call in calls], what, progress)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._api.token}"}

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._api.ca))


async def _in_turn(calls: Sequence[Coroutine[Any, Any, None]], what: str, progress: Progress) -> None:
    for done, each in enumerate(asyncio.as_completed(calls), start=1):
        await each
        progress(what, done, len(calls))


def _is_true(one: dict[str, Any]) -> bool:
    wanted = ("Programmed", "NoDataPlane", one["metadata"]["generation"])
    conditions = one.get("status", {}).get("conditions", ())
    return wanted in {(each["type"], each["reason"], each["observedGeneration"]) for each in conditions}


def _place(one: dict[str, Any]) -> str:
    return f"{GROUP}/namespaces/{one['metadata']['namespace']}/costpolicies"


def measured(plane: ControlPlane, count: int, progress: Progress, namespace: str = SYSTEM) -> Figures:
    """On a control plane without policies. Raises BenchError with the operator's log where a step takes too long."""
    cluster = Cluster(plane.api)
    api = cluster.install(namespace=namespace)
    cluster.create_teams(count)
    cluster.create([body(number) for number in range(count)], progress)
    operator = Operator(api, plane.folder)
    try:
        return _steps(plane, cluster, operator, count, progress)
    finally:
        operator.process.stop()


def _steps(plane: ControlPlane, cluster: Cluster, operator: Operator, count: int, progress: Progress) -> Figures:
    began = time.monotonic()
    operator.process.start()
    operator.until(lambda: operator.metric("publishes_total") >= 1, "first publish")
    publish_s, publish_cpu_s = time.monotonic() - began, operator.cpu_s
    _statuses(cluster, operator, count, progress)
    statuses_s, statuses_cpu_s = time.monotonic() - began, operator.cpu_s

    changes = min(count, BURST)
    began = time.monotonic()
    burst_publish_s = _burst(cluster, operator, changes, progress)
    burst_s, burst_cpu_s, peak_mib = time.monotonic() - began, operator.cpu_s - statuses_cpu_s, operator.peak_mib

    writes, restart_cpu_s = _restart(plane, operator, count)
    return Figures(
        policies=count,
        publish_s=publish_s,
        publish_cpu_s=publish_cpu_s,
        statuses_s=statuses_s,
        statuses_cpu_s=statuses_cpu_s,
        changes=changes,
        burst_publish_s=burst_publish_s,
        burst_s=burst_s,
        burst_cpu_s=burst_cpu_s,
        peak_mib=peak_mib,
        restart_writes=writes,
        restart_cpu_s=restart_cpu_s,
    )


def _written(operator: Operator) -> int:
    return int(operator.metric('status_writes_total{result="written"}'))


def _statuses(cluster: Cluster, operator: Operator, count: int, progress: Progress, before: int = 0) -> None:
    """Until all are true. A LIST costs the API server more than the metrics do the operator: it comes last."""

    def written() -> bool:
        done = _written(operator) - before
        progress("statuses written", min(done, count), count)
        return done >= count and not operator.metric("status_waiting") and not cluster.untrue()

    operator.until(written, "true statuses")


def _burst(cluster: Cluster, operator: Operator, changes: int, progress: Progress) -> float:
    """Seconds to the last publish."""
    began, before = time.monotonic(), _written(operator)
    last, publishes = began, operator.metric("publishes_total")

    def watched(what: str, done: int, of: int) -> None:
        nonlocal last, publishes
        if what == "statuses written" and (now := operator.metric("publishes_total")) != publishes:
            last, publishes = time.monotonic(), now
        progress(what, done, of)

    cluster.change([body(number, limit="6") for number in range(changes)], watched)
    _statuses(cluster, operator, changes, watched, before)
    return last - began


def _restart(plane: ControlPlane, operator: Operator, count: int) -> tuple[int, float]:
    """Writes, and CPU seconds, of a process that finds everything true."""
    time.sleep(SAVED_S)
    operator.process.stop()
    before = _writes(plane, operator)
    operator.process.start()
    operator.until(lambda: operator.metric("policies") >= count, "all policies known again")
    operator.until(lambda: operator.metric("compile_seconds_count") >= 1, "a compile after the restart")
    time.sleep(QUIET_S)
    return _writes(plane, operator) - before, operator.cpu_s


def _writes(plane: ControlPlane, operator: Operator) -> int:
    # The lease is written all the time: that is what it is for.
    return sum(
        one.verb in ("create", "update", "patch", "delete") and one.resource != "leases"
        for one in asked_by(plane.audit_log, operator.user)
    )
