"""The admin port: /metrics for Prometheus and /ready for whoever starts us. On loopback, apart from the request path.

A thread of its own serves it, so that a scrape never runs on the event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import make_wsgi_app

from costward_extproc.errors import SettingsError


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is not worth a line each."""


class Admin:
    def __init__(self, port: int, is_ready: Callable[[], bool]) -> None:
        """Raises SettingsError where the port is taken."""
        metrics = make_wsgi_app()

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ.get("PATH_INFO") == "/metrics":
                body: Iterable[bytes] = metrics(environ, start_response)
                return body
            if environ.get("PATH_INFO") == "/ready":
                ready = is_ready()
                start_response("200 OK" if ready else "503 Service Unavailable", [("Content-Type", "text/plain")])
                return [b"ready\n" if ready else b"not ready\n"]
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"only /metrics and /ready are here\n"]

        try:
            self._server = make_server("127.0.0.1", port, app, server_class=_Server, handler_class=_Quiet)
        except OSError as problem:
            raise SettingsError([f"COSTWARD_ADMIN_PORT={port} cannot be used: {problem.strerror}"]) from problem
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
