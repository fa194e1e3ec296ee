"""The ext_proc gRPC service: turns Envoy's messages into events, and performs the effects of the exchange machine.

It decides nothing: no branch here looks at a dialect or a policy. What it owns is order (the reply first, everything
else after), the deadline of the request's operations, and that every exchange is accounted for once however it ends.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import replace
from typing import assert_never

import grpc
from envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest

from costward_extproc.bodies import Awaited
from costward_extproc.books import BACKGROUND, Books, queue
from costward_extproc.cache.entries import Entry
from costward_extproc.core import exchange
from costward_extproc.core.arrival import weight
from costward_extproc.core.events import (
    Broken,
    Done,
    Effect,
    Embed,
    Failure,
    FindExact,
    FindNear,
    Given,
    LetGo,
    Operation,
    Raise,
    Reply,
    RequestBody,
    RequestHeaders,
    Reserve,
    Result,
    Stand,
)
from costward_extproc.core.relief import OVERLOADED, Relief
from costward_extproc.core.states import Finished, Receiving, State, Step
from costward_extproc.deadline import within
from costward_extproc.eager import Started
from costward_extproc.envoy_messages import event_of, reply_of
from costward_extproc.errors import PortFailure
from costward_extproc.gate import started_at
from costward_extproc.services import OFF_LOOP_BYTES, Services

log = logging.getLogger(__name__)

OPTIONAL_SHARE = 0.5
"""Of the deadline, for what only saves money: cache and embedder. The rest is the ledger's alone, so that a slow cache
never puts the caps out of reach."""

_OPTIONAL = (FindExact, Embed, FindNear)
_OPERATIONS = (*_OPTIONAL, Stand, Reserve, Raise)


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
            conversation.leave()
            self._books.close(conversation.state, conversation.bytes_seen)

    def _relief(self, context: grpc.aio.ServicerContext[ProcessingRequest, bytes]) -> Relief:
        metadata = context.invocation_metadata()
        self._services.wirings.saw(metadata)
        started = started_at(metadata, context.peer())
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
        self._body: Awaited | None = None

    async def run(self) -> None:
        """Until the exchange is finished, Envoy ends the stream, or the client leaves (EOF or CancelledError: both
        are seen for the same cause, so neither means more than the other)."""
        while not self._is_over():
            message = await self._context.read()
            if message is grpc.aio.EOF:
                return
            event = event_of(message, self._services.clock())
            if isinstance(event, RequestBody):
                self._arrived(event)
                with self._services.gate.decision():
                    await self._handle(event)
                self.leave()
            elif isinstance(event, RequestHeaders):
                await self._handle(self._with_intake(event))
            elif event is not None:
                await self._handle(event)

    def leave(self) -> None:
        """No body is awaited any more: it is decided, or it will not come."""
        if self._body is not None:
            self._services.bodies.leave(self._body)
            self._body = None

    def _with_intake(self, event: RequestHeaders) -> RequestHeaders:
        intake = self._services.bodies.intake(asyncio.get_running_loop().time())
        # Nearly always nothing is on its way that counts.
        return event if intake == event.intake else replace(event, intake=intake)

    def _await_body(self) -> None:
        """After the step that asked for it, before anything else can run: the next exchange must find it counted."""
        state, now = self.state, asyncio.get_running_loop().time()
        if isinstance(state, Receiving):
            if state.weight:
                self._body = self._services.bodies.ask(state.weight, state.declared, now)
        elif getattr(getattr(state, "case", None), "unreadable", None) == OVERLOADED:
            self._services.bodies.refused(now)

    def _arrived(self, event: RequestBody) -> None:
        if self._body is not None:
            self._services.bodies.arrived(self._body, len(event.chunk))

    def _is_over(self) -> bool:
        ended = getattr(self.state, "ended", False)
        return self._let_go or ended or isinstance(self.state, Finished)

    async def _handle(self, event: Given) -> None:
        self.bytes_seen += len(getattr(event, "chunk", b""))
        if isinstance(event, RequestBody):
            effects = await self._read(event)
        else:
            # Response chunks are only handed on and kept: the same few microseconds whatever their size.
            self.state, effects = _stepped(self.state, event)
            if isinstance(event, RequestHeaders):
                self._await_body()
        # Counted from here: a body that was slow to arrive, or is long to read, must not find the caps out of reach.
        now = asyncio.get_running_loop().time()
        self._optional_until = now + OPTIONAL_SHARE * self._services.deadline_s
        while effects:
            operations = await self._perform(effects)
            effects = await self._results(operations) if operations else ()

    async def _read(self, event: RequestBody) -> tuple[Effect, ...]:
        """A body's step: where too much waits to be read already, the machine is told not to."""
        size = weight(self.state, event.chunk)
        # What a compressed one grows to, later steps have to deal with too.
        self.bytes_seen += size - len(event.chunk)
        if size <= OFF_LOOP_BYTES:
            step = _stepped(self.state, event)
        else:
            with self._services.threads.lane(size).place(size) as thread:
                if thread is None:
                    # Nor is anything of it dealt with later: its next steps wait for no thread.
                    self.bytes_seen -= size
                    step = _stepped(self.state, replace(event, is_unread=True))
                else:
                    step = await asyncio.get_running_loop().run_in_executor(thread, _stepped, self.state, event)
        self.state, effects = step
        return effects

    async def _step(self, event: Given, weight: int) -> tuple[Effect, ...]:
        """A step that may be long, by the bytes it has to deal with: then on a thread."""
        if weight > OFF_LOOP_BYTES:
            results = self._services.threads.results
            step = await asyncio.get_running_loop().run_in_executor(results, _stepped, self.state, event)
        else:
            step = _stepped(self.state, event)
        self.state, effects = step
        return effects

    async def _perform(self, effects: tuple[Effect, ...]) -> list[Operation]:
        """The reply goes out first, then background work is queued; operations are returned.

        Envoy may end the stream as soon as it has our answer, which cancels the very write that gave it: accounting
        must not depend on the write's return.
        """
        try:
            for effect in effects:
                if not isinstance(effect, _OPERATIONS + BACKGROUND):
                    await self._reply(effect)
        finally:
            for effect in effects:
                if isinstance(effect, BACKGROUND):
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
            return await within(self._optional_until + reserved, call)
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


def _stepped(state: State, event: Given) -> Step:
    """A step that raises must not end the call: Envoy would let the request pass by every cap, untold."""
    try:
        return exchange.step(state, event)
    except Exception as error:
        # Without its text, which may quote what a caller wrote.
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("a step failed: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
        return exchange.step(state, Broken(event))


def _weight(value: Result) -> int:
    """Bytes that a step with this result has to deal with."""
    match value:
        case Entry():
            return len(value.answer)
        case tuple():
            return sum(len(neighbour.entry.answer) + len(neighbour.entry.text) for neighbour in value)
        case _:
            return 0
