"""The ext_proc gRPC service: turns Envoy's messages into events, and performs the effects of the exchange machine.

It decides nothing: no branch here looks at a dialect or a policy. What it owns is order (the reply first, everything
else after), the deadline of the request's operations, and that every exchange is accounted for once however it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import assert_never

import grpc
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest

from costward_extproc import ports
from costward_extproc.cache.entries import Entry
from costward_extproc.core import exchange
from costward_extproc.core.events import (
    Background,
    Closed,
    Done,
    Effect,
    Embed,
    Event,
    Failure,
    FindExact,
    FindNear,
    LetGo,
    Operation,
    Raise,
    Renew,
    Reply,
    RequestBody,
    Reserve,
    Result,
    Settle,
    Stand,
    Store,
    Write,
)
from costward_extproc.core.identity import Workload
from costward_extproc.core.means import Means
from costward_extproc.core.relief import Relief
from costward_extproc.core.states import Finished, State
from costward_extproc.eager import Started
from costward_extproc.envoy_messages import event_of, reply_of
from costward_extproc.errors import PortFailure
from costward_extproc.gate import Gate, started_at

log = logging.getLogger(__name__)

OFF_LOOP_BYTES = 8 * 1024
"""Bytes of request, answer or entry that take about 200 µs to read or write, the longest that may run on the event
loop: what has more is stepped on a thread. The machine is pure, so it does not matter where."""

OPTIONAL_SHARE = 0.5
"""Of the deadline, for what only saves money: cache and embedder. The rest is the ledger's alone, so that a slow cache
never puts the caps out of reach."""

BOOKING_S = 0.01
"""How long the accounting of an exchange may wait: longer than a quick caller takes for its next request, which would
otherwise wait for it, and short beside the second in which a lease notes what was seen. A kill loses what waited."""

_OPTIONAL = (FindExact, Embed, FindNear)
_OPERATIONS = (*_OPTIONAL, Stand, Reserve, Raise)
_BACKGROUND = (Renew, Settle, Store, Write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that exchanges share. Built once, in the composition root."""

    ledger: ports.Ledger
    cache: ports.CacheStore
    embedder: ports.Embedder | None
    snapshots: ports.Snapshots
    records: tuple[ports.Records, ...]
    means: Means
    workload: Workload
    clock: Callable[[], float]
    new_id: Callable[[], str]
    threads: Executor
    gate: Gate
    deadline_s: float
    """P3: what the request's operations may take together, under any fault."""


class Processor:
    """One `Process` call is one exchange."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._books = Books(services)
        self._gate = services.gate
        self.in_flight = 0

    async def Process(  # the name is the proto's
        self, _messages: object, context: grpc.aio.ServicerContext[ProcessingRequest, bytes]
    ) -> None:
        conversation = Conversation(self._services, context, self._relief(context))
        self.in_flight += 1
        try:
            await conversation.run()
        finally:
            self.in_flight -= 1
            self._books.close(conversation)

    def _relief(self, context: grpc.aio.ServicerContext[ProcessingRequest, bytes]) -> Relief:
        started = started_at(context.invocation_metadata())
        waited = None if started is None else self._services.clock() - started
        return self._gate.relief(waited, asyncio.get_running_loop().time())

    async def drained(self) -> None:
        """Returns when every exchange that ended is accounted for."""
        await self._books.drained()


def add_to(server: grpc.aio.Server, processor: Processor) -> None:
    """Register the service. The proto's own registration would serialise replies once more."""
    method = grpc.stream_stream_rpc_method_handler(
        processor.Process, request_deserializer=ProcessingRequest.FromString, response_serializer=None
    )
    handlers = grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": method})
    server.add_generic_rpc_handlers((handlers,))


class Books:
    """Accounts for exchanges that are over: soon, but not between a caller's answer and its next request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: deque[tuple[State, Closed, int]] = deque()
        self._timer: asyncio.Handle | None = None
        self._on_threads: set[asyncio.Task[None]] = set()

    def close(self, conversation: Conversation) -> None:
        """Take over what is left to do for an exchange, as of now."""
        if isinstance(conversation.state, Finished):
            return
        self._waiting.append((conversation.state, Closed(self._services.clock()), conversation.bytes_seen))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BOOKING_S, self._next)

    async def drained(self) -> None:
        while self._waiting:
            self._book(*self._waiting.popleft())
        while self._on_threads:
            await asyncio.wait(self._on_threads)

    def _next(self) -> None:
        """One exchange in each turn of the event loop: requests that came meanwhile are not kept waiting."""
        if self._waiting:
            self._book(*self._waiting.popleft())
        self._timer = asyncio.get_running_loop().call_soon(self._next) if self._waiting else None

    def _book(self, state: State, closed: Closed, weight: int) -> None:
        if weight > OFF_LOOP_BYTES:
            task = asyncio.get_running_loop().create_task(self._book_on_thread(state, closed))
            self._on_threads.add(task)
            task.add_done_callback(self._on_threads.discard)
        else:
            self._queue(exchange.step(state, closed)[1])

    async def _book_on_thread(self, state: State, closed: Closed) -> None:
        loop = asyncio.get_running_loop()
        self._queue((await loop.run_in_executor(self._services.threads, exchange.step, state, closed))[1])

    def _queue(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, _BACKGROUND):
                queue(self._services, effect)


class Conversation:
    """One exchange's dealings with Envoy and the ports."""

    def __init__(
        self, services: Services, context: grpc.aio.ServicerContext[ProcessingRequest, bytes], relief: Relief
    ) -> None:
        self._services = services
        self._context = context
        self.state: State = exchange.begin(
            services.new_id(), services.snapshots.current, services.workload, services.means, relief
        )
        self.bytes_seen = 0
        self._optional_until = 0.0
        self._let_go = False

    async def run(self) -> None:
        """Until the exchange is finished, Envoy ends the stream, or the client leaves (EOF or CancelledError: both
        are seen for the same cause, so neither means more than the other)."""
        while not self._is_over():
            message = await self._context.read()
            if message is grpc.aio.EOF:
                return
            event = event_of(message, self._services.clock())
            if isinstance(event, RequestBody):
                with self._services.gate.decision():
                    await self._handle(event)
            elif event is not None:
                await self._handle(event)

    def _is_over(self) -> bool:
        ended = getattr(self.state, "ended", False)
        return self._let_go or ended or isinstance(self.state, Finished)

    async def _handle(self, event: Event) -> None:
        self.bytes_seen += len(getattr(event, "chunk", b""))
        if isinstance(event, RequestBody):
            effects = await self._step(event, self.bytes_seen)
        else:
            # Response chunks are only handed on and kept: the same few microseconds whatever their size.
            self.state, effects = exchange.step(self.state, event)
        # Counted from here: a body that was slow to arrive, or is long to read, must not find the caps out of reach.
        now = asyncio.get_running_loop().time()
        self._optional_until = now + OPTIONAL_SHARE * self._services.deadline_s
        while effects:
            operations = await self._perform(effects)
            effects = await self._results(operations) if operations else ()

    async def _step(self, event: Event, weight: int) -> tuple[Effect, ...]:
        """A step that may be long, by the bytes it has to deal with: then on a thread."""
        if weight > OFF_LOOP_BYTES:
            loop = asyncio.get_running_loop()
            step = await loop.run_in_executor(self._services.threads, exchange.step, self.state, event)
        else:
            step = exchange.step(self.state, event)
        self.state, effects = step
        return effects

    async def _perform(self, effects: tuple[Effect, ...]) -> list[Operation]:
        """The reply goes out first, then background work is queued; operations are returned.

        Envoy may end the stream as soon as it has our answer, which cancels the very write that gave it: accounting
        must not depend on the write's return.
        """
        try:
            for effect in effects:
                if not isinstance(effect, _OPERATIONS + _BACKGROUND):
                    await self._reply(effect)
        finally:
            for effect in effects:
                if isinstance(effect, _BACKGROUND):
                    queue(self._services, effect)
        return [effect for effect in effects if isinstance(effect, _OPERATIONS)]

    async def _reply(self, effect: Reply) -> None:
        if isinstance(effect, LetGo):
            # Ending the call unanswered lets the exchange flow on, also where the filter fails closed.
            self._let_go = True
        else:
            await self._context.write(reply_of(effect))

    async def _results(self, operations: list[Operation]) -> tuple[Effect, ...]:
        """What each operation gave goes back into the machine in the order they were asked."""
        values = await self._run_all(operations)
        effects: tuple[Effect, ...] = ()
        for operation, value in zip(operations, values, strict=True):
            done = Done(self._services.clock(), operation.op, value)
            effects += await self._step(done, self.bytes_seen + _weight(value))
        return effects

    async def _run_all(self, operations: list[Operation]) -> list[Result]:
        """One after the other: most are answered from memory, where a task each would cost more than the answer."""
        return [await self._run(operation) for operation in operations]

    async def _run(self, operation: Operation) -> Result:
        try:
            call = Started(self._call(operation))
            if call.is_done:
                return call.value
            reserved = 0.0 if isinstance(operation, _OPTIONAL) else (1 - OPTIONAL_SHARE) * self._services.deadline_s
            async with asyncio.timeout_at(self._optional_until + reserved):
                return await call
        except TimeoutError:
            return Failure("deadline")
        except PortFailure as failure:
            return Failure(failure.reason)
        except Exception:
            # A bug in an adapter must not become the caller's 500: the core goes on without this result.
            log.exception("operation %s failed unexpectedly", operation.op)
            return Failure("unexpected")

    async def _call(self, operation: Operation) -> Result:
        services = self._services
        match operation:
            case Stand():
                return await services.ledger.standing(operation.charges, operation.output_key)
            case FindExact():
                return await services.cache.exact(operation.partition, operation.key, services.clock())
            case Embed():
                if services.embedder is None:
                    return Failure("no-embedder")
                return await services.embedder.embed(operation.text)
            case FindNear():
                now = services.clock()
                place, vector = operation.partition, operation.vector
                return await services.cache.near(place, vector, operation.k, now, operation.at_least)
            case Reserve():
                return await services.ledger.reserve(operation.reservation)
            case Raise():
                return await services.ledger.raise_to(operation.reservation)
            case _:
                assert_never(operation)


def queue(services: Services, effect: Background) -> None:
    match effect:
        case Renew():
            services.ledger.renew(effect.id, effect.seen)
        case Settle():
            services.ledger.settle(effect.settlement)
        case Store():
            services.cache.put(effect.entry)
        case Write():
            for records in services.records:
                records.write(effect.record)
        case _:
            assert_never(effect)


def _weight(value: Result) -> int:
    """Bytes that a step with this result has to deal with."""
    match value:
        case Entry():
            return len(value.answer)
        case tuple():
            return sum(len(neighbour.entry.answer) + len(neighbour.entry.text) for neighbour in value)
        case _:
            return 0
