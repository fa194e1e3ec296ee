"""What a benchmark runs on: an upstream that costs next to nothing, servers to compare, and one Envoy for each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from costward_cli.envoy import envoy_binary
from costward_cli.ports_free import free_port
from costward_contract.wiring import EnvoySpec, Upstream, envoy_bootstrap

ANSWER = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-5-mini-2025-08-07",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "word " * 60, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 60, "total_tokens": 90},
}
"""About 500 bytes, the size of a short chat answer."""

START_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """One ext_proc server behind its own Envoy."""

    url: str
    process: psutil.Process | None
    start_seconds: float


class Stage:
    """Starts processes and ends them all, by their handles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self.upstream = self._upstream()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def behind_envoy(self, name: str, command: list[str], env: dict[str, str]) -> Server:
        """Start the server `command` (given its socket in `{socket}`) and an Envoy whose LLM routes go through it."""
        path = self.folder / f"{name}.sock"
        admin = free_port()
        started = time.perf_counter()
        filled = [part.format(socket=path) for part in command]
        settings = {"COSTWARD_SOCKET": str(path), "COSTWARD_ADMIN_PORT": str(admin), **env}
        process = self._start(name, filled, settings)
        if "COSTWARD_STATE_DIR" in env:
            wait_for_http(f"http://127.0.0.1:{admin}/ready", process)
        else:
            wait_for_socket(path, process)
        start_seconds = time.perf_counter() - started
        port = free_port()
        spec = EnvoySpec(
            upstreams=(Upstream(name="upstream", hosts=("*",), url=f"http://127.0.0.1:{self.upstream}"),),
            sockets=(str(path),),
            listen_port=port,
        )
        self._envoy(f"{name}-envoy", envoy_bootstrap(spec), port)
        return Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid), start_seconds)

    def _upstream(self) -> int:
        """An Envoy that answers by itself: nothing lighter speaks HTTP here."""
        port = free_port()
        body = {"inline_string": json.dumps(ANSWER)}
        route = {
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": body},
            "response_headers_to_add": [
                {
                    "header": {"key": "content-type", "value": "application/json"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        }
        kinds = "type.googleapis.com/envoy.extensions.filters"
        manager = {
            "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "upstream",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "router", "typed_config": {"@type": f"{kinds}.http.router.v3.Router"}}],
        }
        listener = {
            "name": "upstream",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        self._envoy("upstream", {"static_resources": {"listeners": [listener]}}, port)
        return port

    def _envoy(self, name: str, config: dict[str, Any], port: int) -> None:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config))
        command = [str(envoy_binary()), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
        process = self._start(name, command, {})
        deadline = time.monotonic() + START_SECONDS
        while not accepts(port):
            self._must_live(name, process, deadline)

    def _start(self, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=log)
        self._stack.callback(end, process)
        return process

    def _must_live(self, name: str, process: subprocess.Popen[bytes], deadline: float) -> None:
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


PYTHON = sys.executable
