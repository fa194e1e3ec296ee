"""Carries out `core.rollout`: which snapshot is given to whom, and what of that is remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import Contents, Published, contents
from costward_operator.core.reconcile import Compiled
from costward_operator.core.rollout import AT_ONCE, Canary, Pin, Trial, held_back, move
from costward_operator.ports import Publisher

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Rollout:
    publisher: Publisher
    may_publish: Callable[[], bool]
    save: Callable[[Snapshot], None]
    gone_out: Callable[[], None]
    clock: Callable[[], float]
    """Monotonic seconds."""
    canary: Canary = AT_ONCE
    pin: Pin | None = None
    """Set from outside, and taken up in the next step. None: not known yet; what people went back from must not go out
    for the moment until it is."""
    published: str = ""
    """Hash of what all data planes but those of a trial get now."""
    history: Published = field(default_factory=Published)
    trial: Trial | None = None

    @property
    def held_back(self) -> str:
        return held_back(self.canary, self.trial, self.pin or Pin())

    def wanted(self, compiled: Compiled) -> tuple[Snapshot, Contents] | None:
        """What is to go out, with what it holds; None: nothing may."""
        if self.pin is None:
            return None
        if not self.pin.asked:
            return compiled.snapshot, compiled.contents
        if self.pin.snapshot is None:
            return None
        # Of an older process's snapshot it is not known what its platform policies said: they count as not in force.
        known = self.history.of(self.pin.snapshot.hash)
        return self.pin.snapshot, known if known is not None else contents(self.pin.snapshot)

    async def step(self, compiled: Compiled) -> None:
        wanted = self.wanted(compiled)
        if wanted is None:
            return
        snapshot, held = wanted
        # Also of what is published already: after a restart the stored one is, and its contents are not known yet.
        self.history.remember(snapshot.hash, held)
        # Going back is for those in trouble: it goes to all at once.
        canary = AT_ONCE if self.pin is not None and self.pin.asked else self.canary
        first = self.publisher.first if self.trial else ()
        made = move(canary, self.trial, snapshot.hash, self.published, first, self.clock())
        # A leader that was stopped for a minute may have lost without knowing: asked as late as can be.
        if made == "nothing" or not self.may_publish():
            return
        if made == "try":
            await self.publisher.publish(snapshot, canary.percent)
            self.trial = Trial(snapshot, self.clock())
            log.info("on trial: %s with %d %% of the data planes", snapshot.hash[:19], canary.percent)
            return
        await self._to_all(self.trial.snapshot if made == "promote" and self.trial else snapshot)

    async def _to_all(self, snapshot: Snapshot) -> None:
        await self.publisher.publish(snapshot)
        self.published, self.trial = snapshot.hash, None
        self.gone_out()
        self.save(snapshot)
        log.info("published %s: %d policies", snapshot.hash[:19], len(snapshot.policies))
