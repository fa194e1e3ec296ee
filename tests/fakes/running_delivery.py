"""A control plane's delivery service over TLS in this process, and data planes that follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from costward_contract.v1.delivery_pb2_grpc import DeliveryServicer, add_DeliveryServicer_to_server
from costward_extproc.adapters.stream_snapshots import Pulses, StreamSnapshots
from costward_extproc.adapters.sums import Sums
from costward_extproc.control_plane import ControlPlane
from costward_operator.delivery.planes import Account
from costward_operator.delivery.service import Delivery
from costward_operator.delivery.tokens import Tokens

from tests.fakes.certificates import Authority

SHARED = Account("costward-system", "costward-extproc")
SIDECAR = Account("team-a", "bot")
NAME = "costward-operator"


async def review(token: str) -> Account | None:
    """Stands for the API server: the token names its account."""
    namespace, _, name = token.partition("/")
    return Account(namespace, name) if name else None


def delivery(leader: Callable[[], str | None] = lambda: None) -> Delivery:
    return Delivery(Tokens(review, time.time), {SHARED}, time.time, leader)


@asynccontextmanager
async def serving(service: DeliveryServicer, authority: Authority, port: int = 0) -> AsyncIterator[str]:
    """Its `host:port`."""
    pair = authority.issue(NAME)
    server = grpc.aio.server()
    add_DeliveryServicer_to_server(service, server)
    credentials = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
    port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def source(
    authority: Authority, folder: Path, address: str, account: Account = SHARED, node: str = "a"
) -> ControlPlane:
    token = folder / f"token-{node}"
    token.write_text(f"{account}\n")
    return ControlPlane(address, authority.own.certificate, token, NAME, None, node)


@asynccontextmanager
async def following(of: ControlPlane, last_good: Path, pulses: Pulses | None = None) -> AsyncIterator[StreamSnapshots]:
    snapshots = StreamSnapshots(of, last_good, "test", pulses or Sums(time.time(), lambda: True))
    keeping = asyncio.create_task(snapshots.keep())
    try:
        yield snapshots
    finally:
        keeping.cancel()


async def until(holds: Callable[[], bool], at_most_s: float = 10.0) -> float:
    """Seconds until it held. Raises TimeoutError."""
    began = time.monotonic()
    async with asyncio.timeout(at_most_s):
        while not holds():  # noqa: ASYNC110  # what is asked about tells nobody when it changes
            await asyncio.sleep(0.01)
    return time.monotonic() - began
