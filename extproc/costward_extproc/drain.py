"""How a process ends without a caller noticing: proxies are told first, then what runs comes to its end.

A proxy that was not told would go on opening streams on its connection and have them refused, each an exchange that
passes around the caps or fails. So our health turns bad first, all proxies get the time to ask for it, and only then
the connections are closed (GOAWAY), which streams that run outlive.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

log = logging.getLogger(__name__)

RETIRE_S = 600.0
"""After SIGHUP, when a successor serves already: nobody waits for our end, and the SDKs of the providers give up after
ten minutes, so that no answer is longer."""

HURRY_S = 3.0
"""After SIGINT: a person at a terminal waits. What is cut is settled from what was seen."""

_PROXIES_ASK_S = 5.0
"""Whoever has not asked for our health for so long does not feed us: twenty of the wiring's health checks."""


class Health(HealthServicer):  # type: ignore[misc]  # grpcio ships no types
    """The standard health service, which remembers when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_serving = False
        self.has_told = False
        """Whether somebody has heard that we serve."""
        self._asked_at = float("-inf")

    async def Check(self, request: Any, context: Any) -> Any:  # the name is the proto's
        self._asked_at = asyncio.get_running_loop().time()
        self.has_told = self.is_serving
        return await super().Check(request, context)

    async def serve(self) -> None:
        await self.set("", health_pb2.HealthCheckResponse.SERVING)
        self.is_serving = True

    async def leave(self) -> None:
        self.is_serving = False
        await self.enter_graceful_shutdown()

    @property
    def is_asked_for(self) -> bool:
        return asyncio.get_running_loop().time() - self._asked_at < _PROXIES_ASK_S


@dataclass(frozen=True, slots=True)
class Order:
    bound_s: float
    """How long streams may go on."""
    patient: bool = True
    """Whether proxies are told first."""


class Orders:
    """Signals that tell this process to end. SIGTERM: streams may end within `drain_s`; SIGHUP: we are replaced, they
    may take as long as they do; SIGINT: now. A second one may hasten the first."""

    def __init__(self, drain_s: float) -> None:
        orders = {
            signal.SIGHUP: Order(RETIRE_S),
            signal.SIGTERM: Order(drain_s),
            signal.SIGINT: Order(min(HURRY_S, drain_s), patient=False),
        }
        self._given: asyncio.Queue[Order] = asyncio.Queue()
        for number, order in orders.items():
            asyncio.get_running_loop().add_signal_handler(number, self._given.put_nowait, order)

    async def next(self) -> Order:
        """Waits for one."""
        return await self._given.get()


async def see_out(server: grpc.aio.Server, health: Health, orders: Orders, probe_s: float) -> None:
    """Waits for the order to end, and returns when the last stream has ended or was cut."""
    order = await orders.next()
    await health.leave()
    if health.is_asked_for and order.patient:
        with contextlib.suppress(TimeoutError):
            order = await asyncio.wait_for(orders.next(), probe_s)
    log.info("draining: streams may go on for %g s", order.bound_s)
    bound, ending = order.bound_s, asyncio.create_task(server.stop(order.bound_s))
    while not ending.done():
        another = asyncio.create_task(orders.next())
        await asyncio.wait((ending, another), return_when=asyncio.FIRST_COMPLETED)
        if another.done() and another.result().bound_s < bound:
            bound = another.result().bound_s
            # A shorter grace in a second call takes the place of the first.
            await server.stop(bound)
        another.cancel()
