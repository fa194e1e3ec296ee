"""/health and /ready for the kubelet, /metrics for Prometheus.

A thread of its own serves them: an event loop that hangs must be told, and could not tell it itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from costward_operator.errors import SettingsError

SILENT_S = 180.0
"""Without one answer of the API server: three missed probes of a minute. Then a new process is worth trying."""
STALLED_S = 60.0
"""Without one turn of the event loop: no work here takes it for a second."""
ROUND_S = 300.0
"""Without one turn of the reconcile loop: a compile of 100,000 policies would be done."""


@dataclass(slots=True)
class Vitals:
    """Signs of life, by a monotonic clock; written by the event loop, read by the admin thread."""

    clock: Callable[[], float]
    turned: float
    """Last turn of the event loop."""
    heard: float | None = None
    """Last word of the API server, once this process leads."""
    round: float | None = None
    """Last turn of the reconcile loop, once this process leads."""

    def ills(self) -> list[str]:
        """What is wrong; empty: alive."""
        now = self.clock()
        limits = (
            (self.turned, STALLED_S, "the event loop stands still"),
            (self.heard, SILENT_S, "nothing was heard of the API server"),
            (self.round, ROUND_S, "policies are not reconciled"),
        )
        return [f"{words} for {now - at:.0f} s" for at, limit, words in limits if at is not None and now - at > limit]

    def hear(self) -> None:
        self.heard = self.clock()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A probe every few seconds is not worth a line each."""


class Admin:
    def __init__(
        self,
        where: tuple[str, int],
        questions: Mapping[str, Callable[[], list[str]]],
        registry: CollectorRegistry,
        pages: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """`questions`: what is wrong, by path: 200 where nothing is, else 503. `pages`: JSON, by its path. Raises
        SettingsError where the port is taken."""
        told = pages or {}
        metrics = make_wsgi_app(registry)

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if path == "/metrics":
                body: Iterable[bytes] = metrics(environ, start_response)
                return body
            if path in told:
                start_response("200 OK", [("Content-Type", "application/json")])
                return [told[path]().encode()]
            plain = [("Content-Type", "text/plain")]
            if path not in questions:
                start_response("404 Not Found", plain)
                return [f"only {', '.join(('/metrics', *told, *questions))} are here\n".encode()]
            ills = questions[path]()
            start_response("503 Service Unavailable" if ills else "200 OK", plain)
            return [("; ".join(ills) or "ok").encode() + b"\n"]

        try:
            self._server = make_server(*where, app, server_class=_Server, handler_class=_Quiet)
        except OSError as problem:
            place = ":".join(map(str, where))
            raise SettingsError([f"COSTWARD_ADMIN_LISTEN={place} cannot be used: {problem.strerror}"]) from problem
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="admin", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
