"""The gRPC service that data planes follow. It implements the operator's `Publisher`: publishing never waits."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Set
from typing import Any, NoReturn

import grpc
from costward_contract.delta import LEADER
from costward_contract.snapshot import Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryServicer

from costward_operator.delivery.lines import Line, Stage
from costward_operator.delivery.planes import Account, Form, Key, Plane, chosen
from costward_operator.delivery.reports import Reports
from costward_operator.delivery.scopes import scope_of
from costward_operator.delivery.tokens import Tokens

log = logging.getLogger(__name__)

HELLO_S = 10.0
"""How long a new stream may take to say who it is; strangers must not hold streams open."""

_BEARER = "Bearer "


async def _refuse(context: Any, code: grpc.StatusCode, words: str) -> NoReturn:
    await context.abort(code, words)
    raise AssertionError("abort always raises")


class Delivery(DeliveryServicer):
    def __init__(
        self,
        tokens: Tokens,
        shared: Set[Account],
        clock: Callable[[], float],
        leader: Callable[[], str | None] = lambda: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`shared`: accounts of the shared data planes, which get all policies. `leader` gives the leader's
        `host:port` where it is another, for redirects. `on_change` is called when any data plane's state changed."""
        self._tokens = tokens
        self._shared = shared
        self._clock = clock
        self._leader = leader
        self._on_change = on_change
        self._stable = Stage()
        self._trial: Stage | None = None
        self._percent = 100
        self._chosen: frozenset[Key] = frozenset()
        self._planes: dict[Key, Plane] = {}
        self._calls = itertools.count(1)
        self.reports = Reports()
        self._changed = asyncio.Condition()

    @property
    def planes(self) -> Iterable[Plane]:
        """Those that are connected."""
        return self._planes.values()

    async def publish(self, snapshot: Snapshot, percent: int = 100) -> None:
        """Make this what so many per cent of the connected data planes get, each its part; does not wait for them. The
        others keep getting what was last published for all."""
        scopes = {plane.scope for plane in self._planes.values()}
        # Some megabytes to serialise: not on the event loop, which answers probes and keeps the lease.
        stage = await asyncio.to_thread(self._stable.then, snapshot, scopes)
        self._percent = percent
        if percent < 100:
            self._trial = stage
        else:
            self._stable, self._trial = stage, None
        self._choose()
        await self._wake()

    @property
    def first(self) -> tuple[Plane, ...]:
        """The connected data planes that a snapshot for a part of them goes to."""
        return tuple(self._planes[key] for key in self._chosen if key in self._planes)

    def _choose(self) -> None:
        present = set(self._planes)
        self._chosen = chosen(present, self._chosen, self._percent) if self._trial else frozenset()

    def _stage(self, key: Key) -> Stage:
        return self._trial if self._trial is not None and key in self._chosen else self._stable

    def meet(self, plane: Plane) -> Key:
        """Count it among the connected ones; what names it."""
        for key in [key for key in self._planes if key[:2] == plane.key[:2]]:
            self._leave(key)
        self._planes[plane.key] = plane
        self._choose()
        self._on_change()
        return plane.key

    def _leave(self, key: Key) -> None:
        plane = self._planes.pop(key, None)
        if plane is not None:
            self.reports.leave(plane)
            self._choose()
            self._on_change()

    def wanted(self, plane: Plane) -> str | None:
        """Hash of what this data plane should hold; None before the first publication."""
        line = self._stage(plane.key).lines.get(plane.scope)
        return line.newest if line else None

    async def Follow(self, _messages: object, context: grpc.aio.ServicerContext[wire.Told, wire.Update]) -> None:
        """The proto's name."""
        plane = await self._greet(context)
        key = self.meet(plane)
        await self._wake()
        log.info("data plane %s of %s follows", plane.node, plane.account)
        listening = asyncio.create_task(self._listen(key, context))
        try:
            await self._serve(key, context, listening)
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
            self._leave(key)
            log.info("data plane %s of %s left", plane.node, plane.account)

    async def _greet(self, context: Any) -> Plane:
        leader = self._leader()
        if leader is not None:
            context.set_trailing_metadata(((LEADER, leader),))
            await _refuse(context, grpc.StatusCode.UNAVAILABLE, "this replica does not lead")
        account = await self._account(context)
        try:
            async with asyncio.timeout(HELLO_S):
                told = await context.read()
        except TimeoutError:
            await _refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "no Hello came")
        if told is grpc.aio.EOF or told.WhichOneof("said") != "hello" or not told.hello.node:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "the first message must be Hello, with a node")
        hello = told.hello
        scope = scope_of(account, self._shared)
        call = next(self._calls)
        return Plane(account, hello.node, hello.version, scope, call, hello.holds, seen_at=self._clock())

    async def _account(self, context: Any) -> Account:
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        if not given.startswith(_BEARER):
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, "no service account token came")
        try:
            account = await self._tokens.account(given.removeprefix(_BEARER))
        except OSError:
            await _refuse(context, grpc.StatusCode.UNAVAILABLE, "the API server cannot be asked about the token")
        if account is None:
            mend = "a projected token of this cluster with the operator's audience is needed"
            await _refuse(context, grpc.StatusCode.UNAUTHENTICATED, f"the token is not good: {mend}")
        return account

    async def _serve(self, key: Key, context: Any, listening: asyncio.Task[None]) -> None:
        """Send what is wanted whenever that changes, until the data plane leaves or comes by another call."""
        while not listening.done() and key in self._planes:
            form, line = await self._due(key)
            if form is not None and line is not None:
                plane = self._planes[key]
                update = await asyncio.to_thread(line.update, form, plane.holds)
                if key in self._planes:
                    self._planes[key] = self._planes[key].sent(update.hash, form)
                    await context.write(update)
                continue
            async with self._changed:
                # Looked at again under the lock: what changed just before must not be slept through.
                if (await self._due(key))[0] is None and not listening.done() and key in self._planes:
                    await self._changed.wait()

    async def _due(self, key: Key) -> tuple[Form | None, Line | None]:
        plane, stage = self._planes.get(key), self._stage(key)
        if plane is None or stage.snapshot is None:
            return None, None
        if plane.scope not in stage.lines:
            wider = await asyncio.to_thread(stage.with_scopes, {plane.scope})
            if self._stage(key) is not stage:
                return await self._due(key)
            if stage is self._stable:
                self._stable = wider
            else:
                self._trial = wider
            stage = wider
        line = stage.lines[plane.scope]
        return plane.form_of(line.newest), line

    async def _listen(self, key: Key, context: Any) -> None:
        try:
            while (told := await context.read()) is not grpc.aio.EOF and key in self._planes:
                self._planes[key] = self._heard(self._planes[key], told)
                self._on_change()
                await self._wake()
        finally:
            # The sender may sleep: it must see that nobody listens any more.
            asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _heard(self, plane: Plane, told: wire.Told) -> Plane:
        now = self._clock()
        match told.WhichOneof("said"):
            case "ack":
                return plane.acked(told.ack.hash, now)
            case "nack":
                log.error("data plane %s refused %s: %s", plane.node, told.nack.hash[:19], told.nack.reason)
                return plane.nacked(told.nack.hash, told.nack.reason, now)
            case "pulse":
                self.reports.hear(plane, told.pulse, now)
                return plane.pulsed(told.pulse.serving, now)
            case _:
                return plane
