"""The admin interface: /metrics for Prometheus, /ready and /health for whoever started us, /wirings for people. Apart
from the request path, on loopback, or for a worker on a Unix socket that its supervisor alone reads.

A thread of its own serves it, so that a scrape never runs on the event loop.
"""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from costward_extproc.errors import SettingsError


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _UnixServer(_Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        """As the base class, which would ask the DNS for the name of a path."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0
        self.setup_environ()

    def get_request(self) -> Any:
        connection, _ = super().get_request()
        # Whoever connects to a Unix socket has no address, and the handler wants one.
        return connection, ("localhost", 0)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is not worth a line each."""


class Admin:
    def __init__(
        self,
        where: int | Path,
        questions: Mapping[str, Callable[[], bool]],
        registry: CollectorRegistry = REGISTRY,
        pages: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """`where`: a port on loopback, or a path to bind. `questions`: what is told by 200 or 503, by its path such as
        `/ready`. `pages`: JSON, by its path. Raises SettingsError where the port is taken."""
        told = pages or {}
        metrics = make_wsgi_app(registry)

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == "/metrics":
                body: Iterable[bytes] = metrics(environ, start_response)
                return body
            plain = [("Content-Type", "text/plain")]
            if path in questions:
                yes = questions[path]()
                start_response("200 OK" if yes else "503 Service Unavailable", plain)
                return [f"{'' if yes else 'not '}{path[1:]}\n".encode()]
            if path in told:
                start_response("200 OK", [("Content-Type", "application/json")])
                return [told[path]().encode()]
            start_response("404 Not Found", plain)
            return [f"only {', '.join(('/metrics', *questions, *told))} are here\n".encode()]

        self._path = where if isinstance(where, Path) else None
        self._server = _serve(where, app)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _serve(where: int | Path, app: Any) -> WSGIServer:
    if isinstance(where, Path):
        where.unlink(missing_ok=True)
        server = _UnixServer(os.fspath(where), _Quiet)  # type: ignore[arg-type]  # a path is a Unix socket's address
        server.set_app(app)
        return server
    try:
        return make_server("127.0.0.1", where, app, server_class=_Server, handler_class=_Quiet)
    except OSError as problem:
        raise SettingsError([f"COSTWARD_ADMIN_PORT={where} cannot be used: {problem.strerror}"]) from problem


def ask(admin_socket: Path, path: str, timeout_s: float) -> tuple[int, str]:
    """Status and body of a GET to a worker's admin interface. Blocks. Raises OSError or http.client.HTTPException
    where there is no answer."""
    connection = _UnixConnection(admin_socket, timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))
