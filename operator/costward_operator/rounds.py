"""The reconcile loop: one round at a time over everything that is known, soon after something changed.

Nothing is compiled before a full LIST was taken: a part of the policies would be published as if it were all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from costward_contract.memory import Memory

from costward_operator.core.delivery import DataPlane, Delivery, Digests
from costward_operator.core.known import Known
from costward_operator.core.objects import Seen
from costward_operator.core.reconcile import Compiled, Statuses, compile_seen
from costward_operator.core.status import StatusChange
from costward_operator.core.store import Dirty
from costward_operator.core.targets import Asked, Looked, asked_of
from costward_operator.delivery.scopes import scoped
from costward_operator.ports import Proofs, Targets
from costward_operator.rollout import Rollout

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Between two looks at acknowledgements and proofs: they are polled, and half a second is soon for a status."""
AGAIN_S = 10.0
"""After a round that failed: a defect must not become a busy loop."""


@dataclass(slots=True)
class Told:
    """What the loop tells the rest of the process."""

    want: Callable[[tuple[StatusChange, ...]], None]
    """All statuses that are not true."""
    compiled: Callable[[float], None]
    """Seconds."""
    failed: Callable[[str], None]
    turned: Callable[[], None]


@dataclass(slots=True)
class Rounds:
    known: Known
    rollout: Rollout
    proofs: Proofs
    targets: Targets
    told: Told
    debounce_s: float
    clock: Callable[[], float]
    """Monotonic seconds."""
    now: Callable[[], str]
    """RFC 3339."""
    settled_at: float
    """By `clock`: from when on the absence of a data plane is believed."""
    first: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a round was gone through, well or not, with all that there is."""
    _compiled: Compiled | None = None
    _asked: Asked = field(default_factory=Asked)
    _facts: Looked | None = None
    # What the store holds was read strictly, or is held as unreadable.
    _memory: Memory = field(default_factory=lambda: Memory(read_strictly=True))
    _digests: Digests = field(default_factory=Digests)
    _statuses: Statuses = field(default_factory=Statuses)
    _looked: object = None
    _scopes: frozenset[tuple[str, str]] = frozenset()
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _dirty: Dirty = Dirty.NO
    _rested_at: float = 0.0
    """By `clock`. After a compile as long as it took: while thousands of policies change, half of the time is left for
    writing what became of them. A change that comes alone does not wait."""

    def poke(self) -> None:
        """Something changed, or is to be looked at anew."""
        self._looked = None
        self._due.set()

    def look(self) -> None:
        """A data plane said something; where that is only that it lives, there is nothing to do."""
        self._due.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self.told.turned()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._due.wait()
                # Whatever comes until then is part of this round.
                await asyncio.sleep(max(self.debounce_s, self._rested_at - self.clock()))
            except TimeoutError:
                pass
            self._due.clear()
            await self._guarded()
            if self.known.complete:
                self.first.set()

    async def _guarded(self) -> None:
        try:
            await self.once()
        except Exception:
            log.exception("a round failed; data planes keep what they have")
            self.told.failed("round")
            await asyncio.sleep(AGAIN_S)
            self.poke()

    async def once(self) -> None:
        """One round. What it could not do is still to be done in the next."""
        if not self.known.complete:
            return
        self._dirty |= self.known.take_dirty()
        objects = self.known.objects()
        if Dirty.SPEC in self._dirty:
            self._asked = asked_of(objects)
        facts = self.targets.known(self._asked)
        if facts is None:
            # A policy whose target was not looked up yet would fall out of the snapshot.
            return
        if Dirty.SPEC in self._dirty or self._compiled is None or facts is not self._facts:
            self._compiled = await self._compile(objects, facts)
        compiled = self._compiled
        await self.rollout.step(compiled)
        looked = self._look()
        if not self._dirty and looked == self._looked:
            return
        self._dirty = Dirty.NO
        delivery, _ = looked
        self._remember_scopes(compiled, delivery.data_planes)
        changes = await asyncio.to_thread(
            self._statuses.changes, objects, compiled, delivery, self.rollout.history, self.now()
        )
        self._looked = looked
        self.told.want(changes)

    async def _compile(self, objects: tuple[Seen, ...], looked: Looked) -> Compiled:
        begun = self.clock()
        compiled = await asyncio.to_thread(
            compile_seen, objects, looked.facts, looked.troubles, self._memory, self._digests
        )
        took = self.clock() - begun
        self._rested_at = begun + 2 * took
        self.told.compiled(took)
        self._facts, self._looked = looked, None
        return compiled

    def _look(self) -> tuple[Delivery, str]:
        rollout = self.rollout
        settled = self.clock() >= self.settled_at
        delivery = Delivery(rollout.publisher.acks, dict(self.proofs.proofs), settled, rollout.held_back)
        return delivery, rollout.published

    def _remember_scopes(self, compiled: Compiled, planes: tuple[DataPlane, ...]) -> None:
        """A sidecar's snapshot has a hash of its own."""
        wanted = self.rollout.wanted(compiled)
        if wanted is None:
            return
        snapshot, contents = wanted
        names = {plane.namespace for plane in planes if plane.namespace}
        scopes = frozenset((name, snapshot.hash) for name in names)
        platform = {ref: digest for ref, digest in compiled.platform.items() if contents.get(ref) == digest}
        for name, _ in scopes - self._scopes:
            part = scoped(snapshot, name)
            refs = {policy.ref for policy in (*part.policies, *(to.policy for to in part.destinations))}
            held = {ref: contents[ref] for ref in refs}
            self.rollout.history.remember(part.hash, {**held, **platform}, scope=name)
        self._scopes = scopes
        self.rollout.history.keep_scopes(names)
