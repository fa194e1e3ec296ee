"""Run the stand-in on a socket."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import Any

import splintr
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from costward_cli.stand_in.app import MODELS, StandIn
from costward_cli.stand_in.bill import is_known
from costward_cli.stand_in.completion import Tokenizer
from costward_cli.stand_in.knowledge import Knowledge, everyday


@cache
def _tokenizer() -> Tokenizer:
    """Read once a process: it takes a third of a second and never changes."""
    tokenizer: Tokenizer = splintr.Tokenizer.from_pretrained("o200k_base")
    return tokenizer


def new_stand_in(labels: dict[str, str] | None = None, *, chunk_ms: float = 15.0, require_key: bool = False) -> StandIn:
    """Ready to answer: what is slow to load is loaded, so that the first question takes no longer than the next."""
    # The catalogue reads its prices at the first question of them, up to a second and a half.
    is_known(MODELS[0])
    return StandIn(
        knowledge=Knowledge(everyday(), labels or {}),
        tokenizer=_tokenizer(),
        clock=time.time,
        chunk_seconds=chunk_ms / 1000,
        require_key=require_key,
    )


def server(stand_in: StandIn) -> uvicorn.Server:
    """A server whose stand-in can reset connections. Run it with `await server.serve(sockets=[...])`."""
    transports: dict[Any, asyncio.Transport] = {}

    class TrackedConnection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at import, by what is installed
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            transports[_peer(transport)] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(_peer(self.transport), None)
            super().connection_lost(exc)

    def reset(scope: Scope) -> None:
        transport = transports.get(tuple(scope["client"] or ()))
        if transport is not None:
            transport.abort()

    stand_in.reset = reset
    return uvicorn.Server(
        uvicorn.Config(
            stand_in.app(),
            http=TrackedConnection,
            loop="uvloop",
            lifespan="off",
            ws="none",
            log_level="critical",
            access_log=False,
            # Beyond the keep-alive of clients' pools, so that a reused connection is not just being closed.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
    )


def _peer(transport: asyncio.Transport) -> Any:
    return (transport.get_extra_info("peername") or ())[:2]
