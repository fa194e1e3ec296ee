"""Snapshots from the control plane's stream, and word back of what became of each.

Nothing here is on the way of a request: without a control plane the last good snapshot stays in force, from the disk
after a restart, else from the copy that is mounted for cold starts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
from costward_contract.codec import encode
from costward_contract.delta import LEADER, Parts, applied, parts_of, sealed_of, snapshot_of
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import SCHEMA_VERSION, Policy, Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryStub

from costward_extproc.adapters.held_snapshot import HeldSnapshot
from costward_extproc.control_plane import ControlPlane, cold_start_copy

log = logging.getLogger(__name__)

PULSE_S = 5.0
"""How often the control plane hears that we live: three missed ones are a quarter of a minute, by when a person who
looks at the status wants to know."""

MORE_S = 0.1
"""Between pulses while there is more to tell than one holds: requests go first."""

FIRST_PAUSE_S = 0.2
"""Before the first new attempt: an operator that restarts is back within seconds, and twenty data planes that ask five
times a second do it no harm."""

LONGEST_PAUSE_S = 10.0
"""Between later attempts: an operator that was away for hours finds its data planes within seconds of its return."""

_OPTIONS = [
    # A half-open connection, as after a node's loss, or a peer that hangs is found within fifteen seconds.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without it gRPC waits a minute for a peer that is stopped and whose kernel still takes what is sent.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # How long a connection may take to stand: gRPC's own 20 s are lost on a leader that hangs, and that a standby still
    # names, while the next one leads already.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Ten thousand policies are some megabytes.
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
]


class Pulses(Protocol):
    def begin(self) -> None:
        """A new call: the other side knows nothing yet."""
        ...

    def next(self) -> tuple[wire.Pulse, bool]:
        """A pulse, and whether more waits to be told."""
        ...


@dataclass(frozen=True, slots=True)
class _Good:
    """What is in force, in the form that deltas begin at."""

    parts: Parts
    by_bytes: dict[bytes, Policy]


class StreamSnapshots:
    """Implements `ports.Snapshots`. Run `keep()` as a task."""

    def __init__(
        self,
        source: ControlPlane,
        last_good: Path,
        version: str,
        pulses: Pulses,
        on_rejected: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes what was kept, or the cold-start copy; blocks until then. `version`: of this Costward, for the
        control plane's eyes. `pulses`: what is told of this data plane every few seconds. `on_rejected` counts updates
        that could not be taken."""
        self._source = source
        self._version = version
        self._pulses = pulses
        self._on_rejected = on_rejected
        self._held = HeldSnapshot(last_good)
        self._good: _Good | None = None
        self._target = source.address
        self.is_connected = False
        first = self._held.kept() or cold_start_copy(source.cold_start)
        if first is not None:
            self._good = _good(parts_of(encode(first)), first)
            self._held.current = first

    @property
    def current(self) -> Snapshot:
        return self._held.current

    def watch(self) -> AsyncIterator[Snapshot]:
        return self._held.watch()

    @property
    def has_any(self) -> bool:
        """Whether a snapshot is in force. Until then the process must not serve: what it let through would pass every
        cap, and the wiring's failurePolicy is what was declared for that."""
        return self._good is not None

    async def keep(self) -> None:
        """Follow the control plane until cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._follow()
                pause = FIRST_PAUSE_S
            except (grpc.aio.AioRpcError, OSError) as problem:
                if self._is_redirected(problem):
                    continue
                log.warning("control plane at %s: %s", self._target, _word(problem))
                self._target = self._source.address
            if self.is_connected:
                self.is_connected, pause = False, FIRST_PAUSE_S
            # Spread, so that an operator that returns is not asked by all at the same moment.
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _is_redirected(self, problem: Exception) -> bool:
        """A standby says where the leader is; a second redirect in a row is not followed at once."""
        if not isinstance(problem, grpc.aio.AioRpcError) or self._target != self._source.address:
            return False
        leader = dict(problem.trailing_metadata() or ()).get(LEADER)
        if not isinstance(leader, str) or not leader:
            return False
        log.info("control plane: the leader is at %s", leader)
        self._target = leader
        return True

    async def _follow(self) -> None:
        """One call, until it ends. Raises AioRpcError, or OSError where token or CA cannot be read."""
        credentials, metadata = await asyncio.to_thread(self._source.credentials)
        async with grpc.aio.secure_channel(self._target, credentials, self._source.options(_OPTIONS)) as channel:
            call = DeliveryStub(channel).Follow(metadata=metadata)
            await call.write(wire.Told(hello=self._hello()))
            pulses = asyncio.create_task(self._beat(call))
            try:
                async for update in call:
                    self.is_connected = True
                    await call.write(await self._take(update))
            finally:
                pulses.cancel()

    def _hello(self) -> wire.Hello:
        holds = self._good.parts.hash if self._good else ""
        return wire.Hello(node=self._source.node, version=self._version, reads_schema=SCHEMA_VERSION, holds=holds)

    async def _beat(self, call: Any) -> None:
        self._pulses.begin()
        is_more = False
        while True:
            await asyncio.sleep(MORE_S if is_more else PULSE_S)
            pulse, is_more = self._pulses.next()
            await call.write(wire.Told(pulse=pulse))

    async def _take(self, update: wire.Update) -> wire.Told:
        if self._good is not None and update.hash == self._good.parts.hash:
            return wire.Told(ack=wire.Ack(hash=update.hash))
        try:
            snapshot, sealed, good = await asyncio.to_thread(self._read, update)
        except SnapshotError as problem:
            self._on_rejected()
            log.error("update %s refused, %s stays in force: %s", update.hash[:19], self.current.hash[:19], problem)
            return wire.Told(nack=wire.Nack(hash=update.hash, reason=str(problem)))
        await self._held.replace(snapshot, sealed)
        self._good = good
        return wire.Told(ack=wire.Ack(hash=snapshot.hash))

    def _read(self, update: wire.Update) -> tuple[Snapshot, bytes, _Good]:
        """On a thread: some megabytes of policies take a while. Raises SnapshotError."""
        known = self._good.by_bytes if self._good else {}
        if update.WhichOneof("by") == "delta":
            if self._good is None:
                raise SnapshotError("the update begins at a snapshot that is not here; fetch the whole snapshot")
            parts = applied(self._good.parts, update.delta, update.hash)
            sealed = sealed_of(parts)
        else:
            sealed = update.whole
            parts = parts_of(sealed)
        snapshot = snapshot_of(parts, known)
        return snapshot, sealed, _good(parts, snapshot)


def _good(parts: Parts, snapshot: Snapshot) -> _Good:
    return _Good(parts, dict(zip(parts.policies, snapshot.policies, strict=True)))


def _word(problem: Exception) -> str:
    if isinstance(problem, grpc.aio.AioRpcError):
        return f"{problem.code().name}: {problem.details()}"
    return str(problem)
