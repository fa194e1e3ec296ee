"""The composition root: leads or follows, builds every adapter once, and ends as soon as one part of it cannot go on.

The process keeps nothing that a new one could not find out: ending it is always safe, and data planes keep what they
have meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from costward_operator.adapters.access import Access
from costward_operator.adapters.events import Events
from costward_operator.adapters.kube import Kube, session
from costward_operator.adapters.leader import Leader
from costward_operator.adapters.snapshot_store import SnapshotStore
from costward_operator.adapters.status_writer import StatusWriter
from costward_operator.adapters.target_lookup import TargetLookup
from costward_operator.adapters.unconnected import Unconnected
from costward_operator.adapters.watch import watch
from costward_operator.admin import Admin, Vitals
from costward_operator.core.known import Known
from costward_operator.core.rollout import Pin
from costward_operator.delivery.start import delivering
from costward_operator.errors import KubeError
from costward_operator.metrics import Metrics
from costward_operator.ports import Proofs, Publisher
from costward_operator.proof.ports import Sightings
from costward_operator.proving import Needs, keep_proving, proving
from costward_operator.rollout import Rollout
from costward_operator.rounds import Rounds, Told
from costward_operator.settings import Settings
from costward_operator.upkeep import Saver, keep_listed, keep_pinned, keep_probing

log = logging.getLogger(__name__)

LEASE = "costward-operator"
_PULSE_S = 1.0


@dataclass(slots=True)
class World:
    """What a process gets from outside."""

    me: str
    """Unique to this process."""
    publisher: Publisher | None = None
    """None: the data planes that connect to the port of the settings, where there is one."""
    proofs: Proofs | None = None
    """None: what istiod and the data planes of the settings' port prove, where there is such a port."""
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    started: Callable[[int], None] = lambda port: None
    """Told the admin port."""
    delivers: Callable[[int], None] = lambda port: None
    """Told the port that data planes follow at."""


@dataclass(slots=True)
class _Parts:
    settings: Settings
    world: World
    access: Access
    kube: Kube
    leader: Leader
    vitals: Vitals
    metrics: Metrics
    publisher: Publisher
    sightings: Sightings | None = None
    """Of exchanges at the data planes that connect; None: none connect."""
    changed: list[Callable[[], None]] = field(default_factory=list)
    """Who is told when a data plane said something."""
    known: Known = field(default_factory=Known)

    def tell(self) -> None:
        for told in self.changed:
            told()

    def now(self) -> str:
        return datetime.fromtimestamp(self.world.wall(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def run(settings: Settings, world: World, stop: asyncio.Event) -> None:
    """Follow, then lead, until `stop` is set or SIGTERM comes. Raises SettingsError before anything is done, and an
    ExceptionGroup of whatever cannot go on: LeaseLostError, WatchLostError, kopf's errors."""
    async with AsyncExitStack() as stack:
        access = Access(settings.server, settings.token_file, settings.ca_file, world.clock)
        kube = Kube(await stack.enter_async_context(session(access)), access)
        leader = Leader(kube, settings.namespace, LEASE, world.me, world.clock, world.wall)
        vitals, metrics = Vitals(world.clock, world.clock()), Metrics()
        metrics.watch("leading", "1 where this process leads", lambda: float(leader.leads))
        parts = _Parts(settings, world, access, kube, leader, vitals, metrics, world.publisher or Unconnected())
        pages: dict[str, Callable[[], str]] = {}
        if world.publisher is None and settings.delivery is not None:
            leader.address = settings.delivery.advertise
            connected, port = await stack.enter_async_context(
                delivering(
                    settings.delivery,
                    kube,
                    world.wall,
                    lambda: None if leader.leads else leader.leader_address,
                    parts.tell,
                )
            )
            parts.publisher, parts.sightings = connected, connected.sightings
            pages["/planes"] = lambda: json.dumps(connected.page(), indent=1)
            world.delivers(port)
        admin = Admin(settings.admin, {"/health": vitals.ills, "/ready": vitals.ills}, metrics.registry, pages)
        stack.callback(admin.close)
        world.started(admin.port)
        async with asyncio.TaskGroup() as group:
            pulse = group.create_task(_pulse(vitals))
            working = group.create_task(_lead(parts))
            stopping = group.create_task(stop.wait())
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (working, stopping, pulse):
                task.cancel()
        # Last of all: until here nobody else may begin.
        await leader.release()
    log.info("stopped")


async def _lead(parts: _Parts) -> None:
    """Returns when kopf, which minds the signals of a process that leads, was told to stop."""
    await parts.leader.acquire()
    parts.vitals.hear()
    snapshots = SnapshotStore(parts.kube, parts.settings.namespace, lambda: parts.leader.leads)
    saver = Saver(snapshots, parts.settings.save_s, parts.now, parts.metrics.failed)
    rounds, writer, lookup = _working(parts, saver)
    rollout = rounds.rollout
    parts.changed.append(rounds.look)
    rollout.published = await _last_good(parts, snapshots)

    def heard() -> None:
        parts.vitals.hear()
        # Most events are echoes of our own statuses: the next look is soon enough to see whether another wrote there.
        if parts.known.spec_changed:
            rounds.poke()

    def pinned(pin: Pin) -> None:
        rollout.pin = pin
        rounds.poke()

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(lookup.run()),
            group.create_task(_prove(parts, rounds, lookup)),
            group.create_task(keep_pinned(snapshots, pinned, parts.metrics.failed)),
            group.create_task(parts.leader.keep()),
            group.create_task(rounds.run()),
            group.create_task(writer.run()),
            group.create_task(saver.run()),
            group.create_task(keep_probing(parts.kube, parts.vitals.hear, parts.metrics.failed)),
            group.create_task(
                keep_listed(
                    parts.kube,
                    parts.known,
                    parts.settings.resync_s,
                    changed=rounds.poke,
                    drifted=parts.metrics.drifted,
                    heard=parts.vitals.hear,
                    failed=parts.metrics.failed,
                )
            ),
        ]
        # kopf lists everything once more: by then data planes have what there is, and it takes nobody's time.
        await rounds.first.wait()
        await watch(parts.access, parts.known, heard)
        for task in tasks:
            task.cancel()


def _working(parts: _Parts, saver: Saver) -> tuple[Rounds, StatusWriter, TargetLookup]:
    world, settings, metrics = parts.world, parts.settings, parts.metrics

    def turned() -> None:
        parts.vitals.round = world.clock()

    writer = StatusWriter(
        parts.kube,
        parts.known,
        Events(parts.kube, world.me, world.clock, world.wall, metrics.event_lost),
        may_write=lambda: parts.leader.leads,
        wrote=metrics.wrote,
        again=lambda: rounds.poke(),
        clock=world.clock,
    )
    lookup = TargetLookup(parts.kube, lambda: rounds.poke(), metrics.failed)
    rollout = Rollout(
        publisher=parts.publisher,
        may_publish=lambda: parts.leader.leads,
        save=saver.save,
        gone_out=metrics.published,
        clock=world.clock,
        canary=settings.canary,
    )
    rounds = Rounds(
        known=parts.known,
        rollout=rollout,
        proofs=world.proofs or Unconnected(),
        targets=lookup,
        told=Told(writer.want, metrics.compiled, metrics.failed, turned),
        debounce_s=settings.debounce_s,
        clock=world.clock,
        now=parts.now,
        settled_at=world.clock() + settings.settle_s,
    )
    metrics.watch("status_waiting", "Statuses that wait to be written", lambda: writer.waiting)
    metrics.watch("held_back", "1 where not all data planes get the newest", lambda: float(bool(rollout.held_back)))
    metrics.watch("policies", "Policies that are known", lambda: len(parts.known.objects()))
    return rounds, writer, lookup


async def _prove(parts: _Parts, rounds: Rounds, lookup: TargetLookup) -> None:
    """For ever, where it is this process that proves."""
    if parts.world.proofs is not None or parts.sightings is None:
        return
    needs = Needs(parts.kube, parts.known, parts.world.wall, parts.metrics.failed, rounds.look, parts.sightings)
    async with proving(parts.settings.proof, needs) as (prover, wirings):
        rounds.proofs = prover
        lookup.wired = lambda: wirings.hosts
        await keep_proving(prover, parts.metrics.failed)


async def _last_good(parts: _Parts, snapshots: SnapshotStore) -> str:
    """What data planes get until the first compile: its hash, or none."""
    try:
        snapshot = await snapshots.current()
    except KubeError as error:
        log.warning("the stored snapshot could not be read: %s", error)
        return ""
    if snapshot is None:
        return ""
    await parts.publisher.publish(snapshot)
    return snapshot.hash


async def _pulse(vitals: Vitals) -> None:
    while True:
        vitals.turned = vitals.clock()
        await asyncio.sleep(_PULSE_S)
