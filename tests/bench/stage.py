"""What a benchmark runs on: upstreams that cost next to nothing, servers to compare, and one Envoy for each."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from costward_cli.envoy import envoy_binary
from costward_cli.ports_free import free_port
from costward_contract.wiring import EnvoySpec, Upstream, envoy_bootstrap
from costward_extproc.sockets import worker_sockets

from tests.bench.upstream import answering_envoy
from tests.fakes import envoy_edits

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "build" / "model"
PYTHON = sys.executable

STREAMS_HOST = "streams.bench"
"""Requests to this host go to the upstream that streams."""

START_SECONDS = 30.0

POLICY = """
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {{name: bench}}
spec:
  owner: {{team: bench}}
  models: [{{name: small, model: gpt-5-mini}}, {{name: large, model: gpt-5}}]
  tiers:
  - name: default
    caps: [{{per: Workload, window: Day, limitUSD: "100000"}}, {{per: Workload, window: Month, limitUSD: "1000000"}}]
  cache: {{mode: Enforce, scope: Workload{semantic}}}
"""
SEMANTIC = ', semantic: {fixedThreshold: "0.80"}'


@dataclass(frozen=True)
class Server:
    """One ext_proc server behind its own Envoy, or an Envoy alone."""

    port: int
    process: psutil.Process | None = None
    start_seconds: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """Of all its processes since they began."""
        return sum(times.user + times.system for times in (each.cpu_times() for each in self._processes()))

    def rss_mb(self) -> float:
        return sum(each.memory_info().rss for each in self._processes()) / 1e6

    def _processes(self) -> Iterator[psutil.Process]:
        if self.process is None:
            return
        yield self.process
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from self.process.children(recursive=True)


class Stage:
    """Starts processes when they are first asked for, and ends them all, by their handles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}
        self.answers = free_port()
        self._envoy("upstream", answering_envoy(self.answers), self.answers)
        self.streams = free_port()
        streams = self._start("streams", [PYTHON, "-m", "tests.bench.chunk_upstream", str(self.streams)], {})
        self._until_accepts("streams", streams, self.streams)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def server(self, name: str) -> Server:
        """`envoy` (no filter at all), `noop`, `noop-immediate`, or Costward: `exact`, `semantic`, `two-workers`."""
        if name not in self._servers:
            self._servers[name] = self._made(name)
        return self._servers[name]

    def _made(self, name: str) -> Server:
        noop = [PYTHON, str(ROOT / "tests/bench/noop.py"), "{socket}"]
        match name:
            case "envoy":
                return self._without_filter()
            case "noop":
                return self._behind_envoy(name, noop, {})
            case "noop-immediate":
                return self._behind_envoy(name, [*noop, "immediate"], {})
            case "exact" | "semantic":
                return self._costward(name, workers=1)
            case "two-workers":
                return self._costward(name, workers=2)
        raise ValueError(f"no server is called {name!r}")

    def _costward(self, name: str, workers: int) -> Server:
        policy = self.folder / f"{name}.yaml"
        policy.write_text(POLICY.format(semantic=SEMANTIC if name == "semantic" else ""))
        env = {
            "COSTWARD_POLICY_FILE": str(policy),
            "COSTWARD_STATE_DIR": str(self.folder / f"{name}-state"),
            "COSTWARD_MODEL_DIR": str(MODEL),
            "COSTWARD_WORKERS": str(workers),
        }
        return self._behind_envoy(name, [PYTHON, "-m", "costward_extproc"], env, workers)

    def _without_filter(self) -> Server:
        """The same Envoy with nothing of ours asked: what all others are compared with."""
        port = free_port()
        bootstrap = envoy_bootstrap(self._spec(("unused",), port))
        for route in envoy_edits.routes(bootstrap):
            del route["typed_per_filter_config"]
        envoy_edits.filters(bootstrap).pop(0)
        self._envoy("bare-envoy", bootstrap, port)
        return Server(port)

    def _behind_envoy(self, name: str, command: list[str], env: dict[str, str], workers: int = 1) -> Server:
        """Start the server `command` (given its socket in `{socket}`) and an Envoy that goes through it."""
        path = self.folder / f"{name}.sock"
        sockets = worker_sockets(path, workers)
        admin = free_port()
        started = time.perf_counter()
        filled = [part.format(socket=path) for part in command]
        settings = {"COSTWARD_SOCKET": str(path), "COSTWARD_ADMIN_PORT": str(admin), **env}
        process = self._start(name, filled, settings)
        if "COSTWARD_STATE_DIR" in env:
            wait_for_http(f"http://127.0.0.1:{admin}/ready", process)
        for each in sockets:
            wait_for_socket(each, process)
        start_seconds = time.perf_counter() - started
        port = free_port()
        self._envoy(f"{name}-envoy", envoy_bootstrap(self._spec([str(each) for each in sockets], port)), port)
        return Server(port, psutil.Process(process.pid), start_seconds)

    def _spec(self, sockets: Sequence[str], port: int) -> EnvoySpec:
        whole = Upstream(name="upstream", hosts=("*",), url=f"http://127.0.0.1:{self.answers}")
        streams = Upstream(name="streams", hosts=(STREAMS_HOST,), url=f"http://127.0.0.1:{self.streams}")
        return EnvoySpec(upstreams=(whole, streams), sockets=tuple(sockets), listen_port=port)

    def _envoy(self, name: str, config: dict[str, Any], port: int) -> None:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config))
        command = [str(envoy_binary()), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
        self._until_accepts(name, self._start(name, command, {}), port)

    def _start(self, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        self._stack.callback(end, process)
        return process

    def _until_accepts(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start: {(self.folder / f'{name}.log').read_text()[-2000:]}")
            time.sleep(0.01)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_socket(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if path.exists() and probe.connect_ex(str(path)) == 0:
                return
        _still_starting(process, deadline)


def wait_for_http(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            _still_starting(process, deadline)


def _still_starting(process: subprocess.Popen[bytes], deadline: float) -> None:
    if process.poll() is not None or time.monotonic() > deadline:
        raise RuntimeError(f"{process.args!r} did not start; its log is in the bench folder")
    time.sleep(0.005)
