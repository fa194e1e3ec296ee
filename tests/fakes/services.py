"""The server's Services over a World in memory, and an Envoy that is a list of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from costward_contract.snapshot import Snapshot
from costward_extproc.cache.entries import Embedding, Entry, Neighbour, Selector, Vector
from costward_extproc.core.events import Embed, FindExact, FindNear, Raise, Reserve, Settle, Stand, Store, Write
from costward_extproc.core.ledger import Charge, Granted, Position, Refused, Reservation, Settlement
from costward_extproc.core.record import Record
from costward_extproc.errors import PortFailure
from costward_extproc.gate import STARTED, Gate
from costward_extproc.services import Services
from costward_extproc.threads import Threads
from envoy.service.ext_proc.v3 import external_processor_pb2 as ep

from tests.fakes.world import WORKLOAD, World


@dataclass
class Ports:
    """Implements every port on a World. `slow` names operations that take that many seconds."""

    world: World
    slow: dict[str, float] = field(default_factory=dict)
    id: str = "test"

    async def _perform(self, operation: Any) -> Any:
        await asyncio.sleep(self.slow.get(operation.op, 0))
        if operation.op in self.world.fail:
            raise PortFailure("down")
        return self.world.perform(operation)

    async def standing(self, charges: Sequence[Charge], output_key: str) -> Position:
        return await self._perform(Stand(tuple(charges), output_key))  # type: ignore[no-any-return]

    async def reserve(self, reservation: Reservation) -> Granted | Refused:
        return await self._perform(Reserve(reservation))  # type: ignore[no-any-return]

    async def raise_to(self, reservation: Reservation) -> Granted | Refused:
        return await self._perform(Raise(reservation))  # type: ignore[no-any-return]

    async def exact(self, partition: str, key: str, now: float) -> Entry | None:
        return await self._perform(FindExact(partition, key))  # type: ignore[no-any-return]

    async def near(
        self, partition: str, vector: Vector, k: int, now: float, at_least: float = -1.0
    ) -> tuple[Neighbour, ...]:
        return await self._perform(FindNear(partition, vector, k, at_least))  # type: ignore[no-any-return]

    async def embed(self, text: str) -> Embedding:
        return await self._perform(Embed(text))  # type: ignore[no-any-return]

    async def forget(self, selector: Selector) -> int:
        return 0

    def renew(self, id: str, seen: int) -> None:
        pass

    def settle(self, settlement: Settlement) -> None:
        self.world.queue(Settle(settlement))

    def put(self, entry: Entry) -> None:
        self.world.queue(Store(entry))

    def write(self, record: Record) -> None:
        self.world.queue(Write(record))

    @property
    def current(self) -> Snapshot:
        return self.world.snapshot

    async def watch(self) -> AsyncIterator[Snapshot]:
        yield self.world.snapshot


def services(
    world: World, *, deadline_s: float = 5.0, slow: dict[str, float] | None = None, gate: Gate | None = None
) -> Services:
    ports = Ports(world, slow or {})
    ids = iter(range(1_000_000))
    return Services(
        ledger=ports,
        cache=ports,
        embedder=ports,
        snapshots=ports,
        records=(ports,),
        means=world.means,
        workload=WORKLOAD,
        clock=lambda: world.now,
        new_id=lambda: f"id{next(ids)}",
        threads=Threads(),
        gate=gate or Gate(deadline_s),
        deadline_s=deadline_s,
    )


@dataclass
class FakeContext:
    """Envoy's side of one stream: gives its messages, keeps the replies. After the last message it ends the stream;
    `hang_up_on` cancels the write of such a reply, as Envoy does once it has an immediate response."""

    messages: list[Any]
    hang_up_on: str = ""
    started: float | None = None
    """When Envoy says that it got the request; None: it says nothing."""
    hop: str = "unix:"
    """As gRPC names the peer."""
    replies: list[Any] = field(default_factory=list)

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return () if self.started is None else ((STARTED, f"{self.started:.6f}"),)

    def peer(self) -> str:
        return self.hop

    async def read(self) -> Any:
        return self.messages.pop(0) if self.messages else grpc.aio.EOF

    async def write(self, raw: bytes) -> None:
        reply = ep.ProcessingResponse.FromString(raw)
        self.replies.append(reply)
        if reply.WhichOneof("response") == self.hang_up_on:
            raise asyncio.CancelledError


def request_headers(**changes: str) -> Any:
    given = {
        ":method": "POST",
        ":path": "/v1/chat/completions",
        "content-type": "application/json",
        "authorization": "Bearer k",
        **changes,
    }
    values = [{"key": name, "raw_value": value.encode()} for name, value in given.items()]
    return ep.ProcessingRequest(request_headers={"headers": {"headers": values}})


def request_body(body: bytes) -> Any:
    return ep.ProcessingRequest(request_body={"body": body, "end_of_stream": True})


def response_headers(status: int = 200, content_type: str = "application/json") -> Any:
    values = [
        {"key": ":status", "raw_value": str(status).encode()},
        {"key": "content-type", "raw_value": content_type.encode()},
    ]
    return ep.ProcessingRequest(response_headers={"headers": {"headers": values}})


def response_body(body: bytes, *, end: bool = True) -> Any:
    return ep.ProcessingRequest(response_body={"body": body, "end_of_stream": end})
