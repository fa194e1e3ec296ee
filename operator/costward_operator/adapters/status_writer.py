"""Writes statuses: the last word on each policy, at a bounded rate, and only where it says something new.

What waits is replaced by every round of reconciliation, so that a policy that changes fifty times a second costs one
write now and then, and a policy that is deleted costs none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from costward_operator.adapters.bucket import Bucket
from costward_operator.adapters.events import Events
from costward_operator.adapters.kube import Kube, Sleep, policy_kind
from costward_operator.core.known import Known
from costward_operator.core.status import StatusChange, says
from costward_operator.errors import ConflictError, KubeError, NotFoundError

log = logging.getLogger(__name__)

RATE = 50.0
"""Writes a second: 10,000 first statuses take three and a half minutes, at some percent of what an API server can."""
BURST = 100.0
WORKERS = 8
"""At 100 ms a write, as while thousands of policies change, more than the rate; and half of the connections, so that
the lease always finds one."""
AGAIN_S = 10.0
"""After a write that failed: what it was about is looked at anew, for it may be true no more."""


class StatusWriter:
    def __init__(
        self,
        kube: Kube,
        known: Known,
        events: Events,
        *,
        may_write: Callable[[], bool],
        wrote: Callable[[str], None],
        again: Callable[[], None],
        clock: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`may_write`: whether this process still leads. `wrote`: counts writes by result (`written`, `gone`,
        `failed`). `again`: asks for another round of reconciliation."""
        self._kube = kube
        self._known = known
        self._events = events
        self._may_write = may_write
        self._wrote = wrote
        self._again = again
        self._sleep = sleep
        self._bucket = Bucket(RATE, BURST, clock)
        self._pending: dict[str, StatusChange] = {}
        self._some = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._pending)

    def want(self, changes: Iterable[StatusChange]) -> None:
        """These are all statuses that are not true; what was wanted before is forgotten."""
        self._pending = {change.seen.uid: change for change in changes}
        if self._pending:
            self._some.set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._some.wait()
            await self._sleep(self._bucket.take())
            if not self._pending:
                self._some.clear()
                continue
            # Taken only now: while it waited, newer words may have come.
            change = self._pending.pop(next(iter(self._pending)))
            present = self._known.get(change.seen.uid)
            if present is None or says(present, change.status) or not self._may_write():
                continue
            await self._write(change)

    async def _write(self, change: StatusChange) -> None:
        seen = change.seen
        # With the uid, so that a new object of the same name is not told the old one's story.
        place = {"namespace": seen.namespace} if seen.namespace else {}
        metadata = {"name": seen.name, "uid": seen.uid, **place}
        body = {"metadata": metadata, "status": change.status}
        try:
            answer = await self._kube.apply(policy_kind(seen.kind), seen.namespace, seen.name, body, sub="status")
        except (NotFoundError, ConflictError):
            self._wrote("gone")
            return
        except KubeError as error:
            log.warning("the status of %s was not written: %s", seen.ref, error)
            self._wrote("failed")
            await self._sleep(AGAIN_S)
            self._again()
            return
        self._wrote("written")
        self._known.of(seen.kind).apply("MODIFIED", answer)
        await self._events.tell(change)
