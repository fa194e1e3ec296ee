"""The whole path on one machine: stand-in provider (or a real one), data plane and Envoy, as children of this process.

They start in that order, so that nothing answers before what it needs, and end in the reverse one. None outlives us.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from costward_contract.wiring import EnvoySpec, Upstream, WiringError, envoy_bootstrap
from costward_contract.wiring.spec import socket_path_problems
from costward_extproc.sockets import worker_sockets

from costward_cli import child
from costward_cli.data_plane import DataPlane
from costward_cli.envoy import envoy_binary
from costward_cli.ports_free import require_free
from costward_cli.problems import CliError
from costward_cli.readiness import http_ready, until_ready
from costward_cli.stand_in_process import start_stand_in

_READY_SECONDS = 15.0
"""Envoy takes half a second, the stand-in one; the rest is for a machine that is busy with other work."""

_DECISIONS_KEPT = 10_000
"""Unread decisions per reader, 20 MB at most; a reader that is slower than that loses the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSpec:
    policy_file: Path
    state_dir: Path
    """Ledger, cache and records; survives the stack."""
    model_dir: Path | None = None
    """The built embedder; None: no semantic tier."""
    run_dir: Path | None = None
    """Sockets and logs; None: a folder of its own that is removed at the end. Its path must be short."""
    upstream: str | None = None
    """Base URL of a real provider; None: the stand-in."""
    ca_file: str | None = None
    """PEM bundle for the upstream's certificate; None: the wiring's default."""
    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    """0 lets the system choose."""
    admin_port: int = 0
    """Of the data plane's /metrics and /ready, on loopback; 0: none."""
    workload: str = "local/default/local"
    """Whom all traffic belongs to: cluster/namespace/service account."""
    lease_seconds: float | None = None
    """None: the data plane's own default."""
    failure_mode_allow: bool = True
    workers: int = 1
    """Data plane processes, each a socket and an endpoint of its own. One does for one core."""
    drain_seconds: float | None = None
    """How long streams may go on after SIGTERM; None: the data plane's own default."""
    envoy_concurrency: int = 1
    """One Envoy worker carries several times what one data plane process does."""
    stand_in_args: tuple[str, ...] = ()
    """Further words for `costward stand-in`, such as `--chunk-ms 0`."""
    data_plane_command: tuple[str, ...] = (sys.executable, "-m", "costward_extproc")


def _ignore(_: object) -> None:
    pass


class Stack:
    """`async with Stack(spec) as stack:` runs until the block ends, also by Ctrl-C."""

    def __init__(
        self,
        spec: StackSpec,
        *,
        on_decision: Callable[[dict[str, Any]], None] = _ignore,
        on_event: Callable[[str], None] = _ignore,
    ) -> None:
        """`on_event`: sentences about what the stack does, such as a restart."""
        self._spec = spec
        self._on_decision = on_decision
        self._on_event = on_event
        self._readers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._running = contextlib.AsyncExitStack()
        self._essential: list[child.Child] = []
        self._data_plane: DataPlane | None = None
        self._admin: httpx.AsyncClient | None = None
        self.run_dir = Path()
        self.base_url = ""
        """What a client's OPENAI_BASE_URL should be."""
        self.stand_in_url: str | None = None

    @property
    def restarts(self) -> int:
        """How often the data plane had to be started again."""
        return self._data_plane.restarts if self._data_plane is not None else 0

    @property
    def data_plane_pid(self) -> int | None:
        """None while it is down."""
        return self._data_plane.pid if self._data_plane is not None else None

    @property
    def pids(self) -> tuple[int, ...]:
        """Of all children that live."""
        pids = [part.pid for part in self._essential if part.alive]
        return (*pids, self.data_plane_pid) if self.data_plane_pid is not None else tuple(pids)

    async def __aenter__(self) -> Self:
        self._check()
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def decisions(self) -> AsyncIterator[dict[str, Any]]:
        """Every decision line from now on."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_DECISIONS_KEPT)
        self._readers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._readers.discard(queue)

    async def let_through(self) -> int:
        """Exchanges that Envoy let pass without the data plane, by Envoy's own count."""
        if self._admin is None:
            return 0
        text = (await self._admin.get("/stats", params={"filter": r"ext_proc\.costward\.failure_mode_allowed$"})).text
        return sum(int(line.rsplit(": ", 1)[1]) for line in text.splitlines())

    async def until_broken(self) -> None:
        """Waits for as long as the stack can work. Raises CliError when Envoy or the stand-in has ended."""
        waits = {asyncio.ensure_future(part.process.wait()): part for part in self._essential}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        part = waits[done.pop()]
        problem = f"the {part.name} ended with status {part.process.returncode}. Its log ends with:\n{part.tail()}"
        raise CliError(problem, mend="start the stack again, or run `costward doctor`")

    def _check(self) -> None:
        """All that can be known to fail, before anything is started."""
        spec = self._spec
        require_free(spec.listen_host, spec.listen_port, purpose="for your clients", option="another --port")
        require_free(
            "127.0.0.1", spec.admin_port, purpose="for the data plane's metrics", option="another --admin-port"
        )
        if not spec.policy_file.is_file():
            raise CliError(f"the policy file {spec.policy_file} is not there", mend="name one with --policy")
        envoy_binary()

    async def _start(self) -> None:
        spec = self._spec
        self.run_dir = spec.run_dir or Path(self._running.enter_context(_temporary_folder()))
        spec.state_dir.mkdir(parents=True, exist_ok=True)
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = (*self._sockets, self.run_dir / "envoy.sock")
        problems = [problem for path in paths for problem in socket_path_problems(str(path))]
        if problems:
            raise CliError(problems[0], mend="choose a shorter run directory, for example one below /tmp")
        upstream = spec.upstream or await self._start_stand_in()
        await self._start_data_plane()
        await self._start_envoy(upstream)
        await self._until_stand_in_ready()

    async def _start_stand_in(self) -> str:
        stand_in, url = await start_stand_in(self.run_dir / "stand-in.log", self._spec.stand_in_args)
        self._essential.append(stand_in)
        self._running.push_async_callback(stand_in.stop)
        self.stand_in_url = url
        return url

    async def _until_stand_in_ready(self) -> None:
        """Last, because its socket listens from the start: it loads while the others do."""
        if self.stand_in_url is None:
            return
        async with httpx.AsyncClient(base_url=self.stand_in_url) as client:
            await until_ready(self._essential[0], lambda: http_ready(client, "/_stand_in/ready"), _READY_SECONDS)

    async def _start_data_plane(self) -> None:
        self._data_plane = DataPlane(
            command=self._spec.data_plane_command,
            env={**os.environ, **self._environment()},
            sockets=self._sockets,
            log=self.run_dir / "data-plane.log",
            on_decision=self._deliver,
            on_event=self._on_event,
        )
        self._running.push_async_callback(self._data_plane.stop)
        await self._data_plane.start()

    async def _start_envoy(self, upstream: str) -> None:
        config = self.run_dir / "envoy.json"
        config.write_text(json.dumps(self._bootstrap(upstream)))
        command = [str(envoy_binary()), "-c", str(config), "--log-level", "warning"]
        # Without hot restart several stacks share no memory region, so none needs a --base-id of its own.
        command += ["--disable-hot-restart", "--concurrency", str(self._spec.envoy_concurrency)]
        envoy = await child.start("Envoy", command, log=self.run_dir / "envoy.log")
        self._essential.append(envoy)
        self._running.push_async_callback(envoy.stop)
        transport = httpx.AsyncHTTPTransport(uds=str(self.run_dir / "envoy.sock"))
        admin = self._admin = httpx.AsyncClient(transport=transport, base_url="http://envoy")
        self._running.push_async_callback(admin.aclose)
        await until_ready(envoy, lambda: http_ready(admin, "/ready"), _READY_SECONDS)
        self.base_url = f"http://{self._spec.listen_host}:{await self._listening_port(admin)}/v1"

    async def _listening_port(self, admin: httpx.AsyncClient) -> int:
        if self._spec.listen_port:
            return self._spec.listen_port
        listeners = (await admin.get("/listeners", params={"format": "json"})).json()["listener_statuses"]
        port: int = listeners[0]["local_address"]["socket_address"]["port_value"]
        return port

    def _bootstrap(self, upstream: str) -> dict[str, Any]:
        spec = self._spec
        default = EnvoySpec(upstreams=(), sockets=())
        try:
            return envoy_bootstrap(
                EnvoySpec(
                    upstreams=(Upstream("provider", upstream),),
                    sockets=tuple(str(socket) for socket in self._sockets),
                    listen_address=spec.listen_host,
                    listen_port=spec.listen_port,
                    admin_socket=str(self.run_dir / "envoy.sock"),
                    failure_mode_allow=spec.failure_mode_allow,
                    ca_file=spec.ca_file or default.ca_file,
                )
            )
        except WiringError as error:
            raise CliError(str(error), mend="correct --upstream") from error

    @property
    def _socket(self) -> Path:
        return self.run_dir / "extproc.sock"

    @property
    def _sockets(self) -> tuple[Path, ...]:
        return worker_sockets(self._socket, self._spec.workers)

    def _environment(self) -> dict[str, str]:
        spec = self._spec
        given = {
            "COSTWARD_SOCKET": self._socket,
            "COSTWARD_WORKERS": spec.workers,
            "COSTWARD_DRAIN_SECONDS": spec.drain_seconds if spec.drain_seconds is not None else "",
            "COSTWARD_POLICY_FILE": spec.policy_file.resolve(),
            "COSTWARD_STATE_DIR": spec.state_dir.resolve(),
            "COSTWARD_MODEL_DIR": spec.model_dir.resolve() if spec.model_dir is not None else "",
            "COSTWARD_ADMIN_PORT": spec.admin_port,
            "COSTWARD_WORKLOAD": spec.workload,
            "COSTWARD_LEASE_SECONDS": spec.lease_seconds if spec.lease_seconds is not None else "",
        }
        return {name: str(value) for name, value in given.items()}

    def _deliver(self, decision: dict[str, Any]) -> None:
        self._on_decision(decision)
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(decision)


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    # Short by name, and not below TMPDIR's longer paths: a Unix socket path has 107 bytes.
    short = "/tmp" if os.access("/tmp", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="costward-", dir=short)
