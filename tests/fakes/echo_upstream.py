"""A provider that answers with what it was asked: the only way to see what really left Envoy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp


async def _echo(request: Request) -> Response:
    body = await request.body()
    await asyncio.sleep(int(request.headers.get("x-echo-delay-ms", 0)) / 1000)
    seen = {
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "headers": dict(request.headers),
        "bytes": len(body),
    }
    # A provider that imitates us must not be believed.
    return JSONResponse(seen, headers={"x-costward-decision": "forged", "x-provider": "echo"})


def echo_app() -> Starlette:
    return Starlette(routes=[Route("/{path:path}", _echo, methods=["GET", "POST", "DELETE"])])


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, *, certificate: str | None = None, key: str | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve `app` in this loop on a loopback port that the system chose: (host, port)."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        ws="none",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=1,
    )
    started = asyncio.Event()

    class AnnouncingServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = AnnouncingServer(config)
    # Signals belong to the test runner.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await started.wait()
        yield listener.getsockname()
    finally:
        server.should_exit = True
        await task
        listener.close()
