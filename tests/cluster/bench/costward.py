"""Costward on the real API server: the chart's objects and rights, the operator, and data planes that follow it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costward_extproc.control_plane import ControlPlane
from costward_operator.app import World, run
from costward_operator.delivery.planes import Account
from costward_operator.settings import AUDIENCE, DeliverySettings, Settings

from tests.cluster.bench.api import Api, CallError
from tests.cluster.bench.process import Process, free_ports, says_ok
from tests.fakes.certificates import Authority
from tools.cluster_parts import ROOT

CHART = ROOT / "charts" / "costward"
SERVER_NAME = "costward-operator"
QUICK = {"debounce_s": 0.05, "settle_s": 1.0, "save_s": 0.2}
"""A test's data planes are there at once, and it looks at what is stored."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The release `costward` in the namespace of `api`."""

    api: Api
    authority: Authority
    folder: Path

    @property
    def shared(self) -> Account:
        """The shared data plane's account."""
        return Account(self.api.namespace, "costward-extproc")

    def settings(self, port: int = 0, **changed: Any) -> Settings:
        """Of an operator in this process, with the rights of its account; it serves data planes at `port`."""
        pair = self.authority.issue(SERVER_NAME)
        delivery = DeliverySettings(
            listen=("127.0.0.1", port),
            certificate=pair.certificate,
            key=pair.key,
            accounts=frozenset({self.shared}),
        )
        given = {"admin": ("127.0.0.1", 0), "delivery": delivery, **QUICK, **changed}
        return Settings(
            server=self.api.url,
            token_file=self._token("costward-operator"),
            ca_file=self.api.ca,
            namespace=self.api.namespace,
            **given,
        )

    def source(
        self, address: str, node: str, account: str = "costward-extproc", api: Api | None = None
    ) -> ControlPlane:
        """What a data plane of this account, of the namespace of `api`, is told of the operator. Its token is as the
        kubelet would have projected it, for the operator's audience alone."""
        token = self.folder / f"token-{node}"
        token.write_text((api or self.api).token_for(account, AUDIENCE))
        return ControlPlane(address, self.authority.own.certificate, token, SERVER_NAME, None, node)

    def operator(self, name: str = "operator", **env: str) -> RunningOperator:
        """Its process, not started; `env` are further settings."""
        admin, port = free_ports(2)
        pair = self.authority.issue(SERVER_NAME)
        settings = {
            "COSTWARD_KUBE_SERVER": self.api.url,
            "COSTWARD_KUBE_TOKEN_FILE": str(self._token("costward-operator")),
            "COSTWARD_KUBE_CA_FILE": str(self.api.ca),
            "COSTWARD_NAMESPACE": self.api.namespace,
            "COSTWARD_POD_NAME": name,
            "COSTWARD_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "COSTWARD_DELIVERY_LISTEN": f"127.0.0.1:{port}",
            "COSTWARD_DELIVERY_CERTIFICATE": str(pair.certificate),
            "COSTWARD_DELIVERY_KEY": str(pair.key),
            "COSTWARD_DELIVERY_ACCOUNTS": str(self.shared),
            "COSTWARD_SETTLE_SECONDS": "1",
            "COSTWARD_SAVE_SECONDS": "0.2",
        }
        url = f"http://127.0.0.1:{admin}"
        process = Process(
            name,
            (sys.executable, "-m", "costward_operator"),
            self.folder / f"{name}.log",
            lambda: says_ok(f"{url}/health"),
            {**settings, **env},
        )
        return RunningOperator(process, f"127.0.0.1:{port}", url)

    def _token(self, account: str) -> Path:
        token = self.folder / f"token-{account}"
        token.write_text(self.api.token_for(account))
        return token


@dataclass(frozen=True, slots=True)
class RunningOperator:
    process: Process
    address: str
    """Where data planes follow it."""
    admin_url: str


@contextmanager
def installed_costward(api: Api, folder: Path, *words: str) -> Iterator[Installed]:
    """`words`: more for helm, such as `--set=operator.replicas=1`."""
    values = str(CHART / "ci" / "secrets-values.yaml")
    # As the CRDs are the cluster's, another test may have put them there.
    api.helm("install", "costward", str(CHART), "-f", values, "--take-ownership", *words)
    try:
        yield Installed(api, Authority(folder), folder)
    finally:
        with contextlib.suppress(CallError):
            api.helm("uninstall", "costward")


@asynccontextmanager
async def operating(settings: Settings, world: World) -> AsyncIterator[str]:
    """An operator in this process; where data planes follow it."""
    serving, ports = asyncio.Event(), list[int]()

    def delivers(port: int) -> None:
        ports.append(port)
        serving.set()

    world.delivers = delivers
    running = asyncio.create_task(run(settings, world, asyncio.Event()))
    waiting = asyncio.create_task(serving.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield f"127.0.0.1:{ports[0]}"
    finally:
        waiting.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, ExceptionGroup):
            await running
