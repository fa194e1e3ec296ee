"""The composition root: builds every adapter once, hands them to the server, and takes them down in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import Popen

import grpc
from grpc_health.v1 import health_pb2_grpc
from prometheus_client import generate_latest

from costward_extproc import hop, memory, semantic, sources
from costward_extproc.adapters import price_catalogue
from costward_extproc.adapters.digest_key import digest_key
from costward_extproc.adapters.prices import CataloguePrices
from costward_extproc.adapters.sqlite_cache import SqliteCache
from costward_extproc.adapters.sqlite_ledger import SqliteLedger
from costward_extproc.adapters.sqlite_records import SqliteRecords
from costward_extproc.adapters.sqlite_thread import StoreThread
from costward_extproc.adapters.sums import Sums
from costward_extproc.adapters.telemetry import Telemetry
from costward_extproc.adapters.tokens import SplintrTokens
from costward_extproc.admin import Admin
from costward_extproc.bodies import Bodies
from costward_extproc.core.means import BODY_LIMIT, Means
from costward_extproc.drain import Health, Orders, see_out
from costward_extproc.gate import Gate
from costward_extproc.pulse import Pulse
from costward_extproc.server import Processor, add_to
from costward_extproc.services import Services
from costward_extproc.settings import Settings
from costward_extproc.sockets import admin_socket, bound_socket, last_metrics, worker_socket
from costward_extproc.threads import Threads
from costward_extproc.wirings import Wirings

log = logging.getLogger(__name__)

_UNHURRIED_S = 0.02
"""How long answers and records may wait for company: a wake-up for each would take the interpreter from the next
request. A kill loses what waited; no money is among it."""

_KEEPER_PAUSE_S = 1.0
"""Before a keeper that failed begins anew: one that fails at once must not burn a core."""


async def run(settings: Settings, catalogue: Popen[str] | None = None, compiler: Popen[bytes] | None = None) -> None:
    """Serve until told to end (see drain.py). `catalogue` and `compiler`: the readers of price list and policies, where
    they were started before. Raises SettingsError before anything is served."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        telemetry = Telemetry()
        stack.callback(telemetry.close)
        if settings.worker is not None:
            stack.callback(_leave_metrics, last_metrics(settings.socket, os.getpid()))
        health = Health()
        sums = Sums(time.time(), lambda: health.is_serving)
        policies = asyncio.to_thread(
            sources.snapshots_of,
            settings,
            compiler,
            sums,
            lambda: telemetry.degraded("policy-rejected"),
        )
        services = await _services(settings, catalogue, policies, sums, telemetry, stack)
        processor = Processor(services)
        stack.push_async_callback(processor.drained)
        telemetry.watch("costward.exchanges.open", "Exchanges in flight", lambda: processor.in_flight)
        bound, public = bound_socket(settings.socket, os.getpid()), _public_socket(settings)
        server = _server(bound, processor, health)
        if settings.hop is not None:
            hop.listen(server, settings.hop)
        await server.start()
        orders, pulse = Orders(settings.drain_s), Pulse()
        stack.callback(asyncio.create_task(pulse.keep()).cancel)
        questions = {"/ready": lambda: health.is_serving, "/health": pulse.is_felt, "/probed": lambda: health.has_told}
        where = settings.admin_port if settings.worker is None else admin_socket(settings.socket, os.getpid())
        if where:
            stack.callback(Admin(where, questions, pages={"/wirings": services.wirings.page}).close)
        async with asyncio.TaskGroup() as tasks:
            begin = tasks.create_task(_begin(health, services, lambda: bound.rename(public)))
            await see_out(server, health, orders, settings.probe_s)
            begin.cancel()
    log.info("stopped")


async def _begin(health: Health, services: Services, show: Callable[[], object]) -> None:
    """Serve once there are policies: what came before would pass every cap, where the wiring's failurePolicy is what
    was declared for a data plane that is not there."""
    if not services.snapshots.current.hash:
        log.warning("no snapshot yet: not serving until the control plane sends one")
    await sources.first_of(services.snapshots)
    memory.settle()
    await health.serve()
    show()
    log.info("serving, snapshot %s", services.snapshots.current.hash[:19])


async def _services(
    settings: Settings,
    catalogue: Popen[str] | None,
    policies: Awaitable[sources.Source],
    sums: Sums,
    telemetry: Telemetry,
    stack: AsyncExitStack,
) -> Services:
    state = settings.state_dir
    # Loading takes most of the start: the model and the price list load while the stores open.
    model = asyncio.create_task(asyncio.to_thread(semantic.embedder, settings.model_dir, telemetry))
    prices = asyncio.create_task(asyncio.to_thread(_prices, catalogue))
    snapshots = await policies
    # A thread for what money waits on and one for all else, so that a stall of the cache's file is not the ledger's.
    stores = StoreThread(_UNHURRIED_S)
    ledger = SqliteLedger(state / "ledger.sqlite", time.time, settings.lease_s, _counted(telemetry, "ledger"))
    stack.callback(ledger.close)
    cache = SqliteCache(state / "cache.sqlite", time.time, on_failure=_counted(telemetry, "cache"), thread=stores)
    stack.callback(cache.close)
    records = SqliteRecords(
        state / "records.sqlite", sys.stdout, on_failure=_counted(telemetry, "records"), thread=stores
    )
    stack.callback(records.close)
    for name, database in (("ledger", ledger.database), ("cache", cache.database), ("records", records.database)):
        if database.moved_aside is not None:
            telemetry.degraded(f"{name}-moved-aside")
    threads = Threads()
    stack.callback(threads.shutdown)
    tokens = await asyncio.to_thread(SplintrTokens)
    embedder = await model
    if embedder is not None:
        stack.callback(embedder.close)
    await ledger.sweep(time.time())
    embedder = await semantic.warmed_up(ledger, cache, embedder, telemetry)
    for name, keep in (
        ("ledger", ledger.keep),
        ("cache", cache.keep),
        ("snapshots", snapshots.keep),
        ("memory", memory.keep),
    ):
        stack.callback(asyncio.create_task(_kept(name, keep, telemetry)).cancel)
    telemetry.watch("costward.semantic.up", "1 where the semantic tier can work", lambda: float(embedder is not None))
    telemetry.watch("costward.reservations.open", "Reservations held", lambda: ledger.open_reservations)
    bodies = Bodies()
    telemetry.watch(
        "costward.bodies.awaited", "Weighted bytes of large bodies not decided yet", lambda: float(bodies.taken)
    )
    wirings = Wirings(telemetry.degraded)
    telemetry.watch_counts("costward.wiring.calls", "Calls of proxies by the wiring that they run", wirings.calls)
    means = Means(
        quote=(await prices).quote,
        count_tokens=tokens.count,
        digest_key=digest_key(state / "digest.key"),
        embedder_id=embedder.id if embedder is not None else None,
        lease_s=settings.lease_s,
    )
    return Services(
        ledger=ledger,
        cache=cache,
        embedder=embedder,
        snapshots=snapshots,
        records=(records, telemetry, sums) if settings.control_plane else (records, telemetry),
        means=means,
        workload=settings.workload,
        clock=time.time,
        new_id=lambda: os.urandom(16).hex(),
        threads=threads,
        gate=Gate(settings.deadline_s, settings.max_deciding),
        deadline_s=settings.deadline_s,
        wirings=wirings,
        bodies=bodies,
    )


def _prices(catalogue: Popen[str] | None) -> CataloguePrices:
    return CataloguePrices(catalogue=price_catalogue.load(catalogue))


async def _kept(name: str, keep: Callable[[], Awaitable[None]], telemetry: Telemetry) -> None:
    """A keeper that fails unexpectedly begins anew: without one, leases or policies would silently stand still."""
    while True:
        try:
            await keep()
        except Exception:
            log.exception("keeping %s failed", name)
            telemetry.degraded(f"{name}-keeper")
        await asyncio.sleep(_KEEPER_PAUSE_S)


def _counted(telemetry: Telemetry, store: str) -> Callable[[str], None]:
    return lambda word: telemetry.degraded(f"{store}-{word}")


def _leave_metrics(path: Path) -> None:
    """For the supervisor, whose sums must not lose what was counted since it last looked."""
    with contextlib.suppress(OSError):
        path.write_bytes(generate_latest())


def _public_socket(settings: Settings) -> Path:
    return settings.socket if settings.worker is None else worker_socket(settings.socket, settings.worker)


def _server(socket: Path, processor: Processor, health: Health) -> grpc.aio.Server:
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    limit = BODY_LIMIT + 1024 * 1024
    server = grpc.aio.server(
        options=[
            # gRPC's default of 4 MiB turns a larger BUFFERED body into a 500, or into a silent bypass of caps.
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.so_reuseport", 0),
        ]
    )
    add_to(server, processor)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_insecure_port(f"unix:{socket}")
    return server
