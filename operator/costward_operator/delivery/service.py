"""The gRPC service that data planes follow. It implements the operator's `Publisher`: publishing never waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from costward_contract.codec import encode
from costward_contract.delta import LEADER, Parts, difference, parts_of
from costward_contract.snapshot import Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryServicer

from costward_operator.delivery.planes import Account, Form, Plane
from costward_operator.delivery.scopes import scope_of, scoped
from costward_operator.delivery.tokens import Tokens

log = logging.getLogger(__name__)

HELLO_S = 10.0
"""How long a new stream may take to say who it is; strangers must not hold streams open."""

REMEMBERED = 8
"""Snapshots of a scope to which deltas can begin: a data plane that is further behind gets the whole."""

_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class _Line:
    """The snapshots of one scope, newest last. Never changed, since threads read it: the next one is made of it."""

    sealed: bytes = b""
    newest: str = ""
    parts: Mapping[str, Parts] = field(default_factory=dict)

    def then(self, snapshot: Snapshot) -> _Line:
        """Takes some milliseconds for a thousand policies."""
        if snapshot.hash == self.newest:
            return self
        sealed = encode(snapshot)
        earlier = [(hash, parts) for hash, parts in self.parts.items() if hash != snapshot.hash]
        kept = earlier[1 - REMEMBERED :]
        return _Line(sealed, snapshot.hash, {**dict(kept), snapshot.hash: parts_of(sealed)})

    def update(self, form: Form, holds: str) -> wire.Update:
        if form == "same":
            return wire.Update(hash=self.newest)
        old = self.parts.get(holds)
        if form == "delta" and old is not None:
            delta = difference(old, self.parts[self.newest])
            if delta.ByteSize() < len(self.sealed):
                return wire.Update(hash=self.newest, delta=delta)
        return wire.Update(hash=self.newest, whole=self.sealed)


def _next_lines(lines: Mapping[str | None, _Line], snapshot: Snapshot) -> dict[str | None, _Line]:
    return {scope: line.then(scoped(snapshot, scope)) for scope, line in lines.items()}


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
        self._snapshot: Snapshot | None = None
        self._lines: dict[str | None, _Line] = {}
        self._planes: dict[tuple[Account, str], Plane] = {}
        self._changed = asyncio.Condition()

    @property
    def planes(self) -> Iterable[Plane]:
        """Those that are connected."""
        return self._planes.values()

    async def publish(self, snapshot: Snapshot) -> None:
        """Make this what all connected data planes get, each its part; does not wait for them."""
        scopes = {plane.scope for plane in self._planes.values()}
        earlier = {scope: self._lines.get(scope, _Line()) for scope in scopes}
        # Some megabytes to serialise: not on the event loop, which answers probes and keeps the lease.
        lines = await asyncio.to_thread(_next_lines, earlier, snapshot)
        self._snapshot, self._lines = snapshot, lines
        await self._wake()

    def meet(self, plane: Plane) -> tuple[Account, str]:
        """Count it among the connected ones; what names it."""
        key = (plane.account, plane.node)
        self._planes[key] = plane
        self._on_change()
        return key

    def wanted(self, plane: Plane) -> str | None:
        """Hash of what this data plane should hold; None before the first publication."""
        line = self._lines.get(plane.scope)
        return line.newest if line else None

    async def Follow(self, _messages: object, context: grpc.aio.ServicerContext[wire.Told, wire.Update]) -> None:
        """The proto's name."""
        plane = await self._greet(context)
        key = self.meet(plane)
        log.info("data plane %s of %s follows", plane.node, plane.account)
        listening = asyncio.create_task(self._listen(key, context))
        try:
            await self._serve(key, context, listening)
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
            self._planes.pop(key, None)
            self._on_change()
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
        return Plane(account, hello.node, hello.version, scope, holds=hello.holds, seen_at=self._clock())

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

    async def _serve(self, key: tuple[Account, str], context: Any, listening: asyncio.Task[None]) -> None:
        """Send what is wanted whenever that changes, until the data plane leaves."""
        while not listening.done():
            form, line = await self._due(key)
            if form is not None and line is not None:
                plane = self._planes[key]
                update = await asyncio.to_thread(line.update, form, plane.holds)
                self._planes[key] = self._planes[key].sent(update.hash, form)
                await context.write(update)
                continue
            async with self._changed:
                # Looked at again under the lock: what changed just before must not be slept through.
                if (await self._due(key))[0] is None and not listening.done():
                    await self._changed.wait()

    async def _due(self, key: tuple[Account, str]) -> tuple[Form | None, _Line | None]:
        plane, snapshot = self._planes[key], self._snapshot
        if snapshot is None:
            return None, None
        line = self._lines.get(plane.scope)
        if line is None:
            line = (await asyncio.to_thread(_next_lines, {plane.scope: _Line()}, snapshot))[plane.scope]
            if self._snapshot is not snapshot:
                return await self._due(key)
            self._lines[plane.scope] = line
        return plane.form_of(line.newest), line

    async def _listen(self, key: tuple[Account, str], context: Any) -> None:
        try:
            while (told := await context.read()) is not grpc.aio.EOF:
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
                return plane.pulsed(told.pulse.serving, now)
            case _:
                return plane
