"""The watch: kopf, embedded, with the lowest-level handler alone. Each event goes into the store and nowhere else.

It runs on a loop of its own (see `apart`); events come over in the order in which they were told.

kopf brings resumption, bookmarks, back-off and authentication. Its higher-level handlers, indexes and finalizers are
not used: they write three times to each object, keep what was deleted while the watch was down, and need time that
grows with the square of the objects.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from costward_operator.adapters.access import REREAD_S, Access
from costward_operator.adapters.apart import apart
from costward_operator.adapters.kube import CONNECT_S, FIELD_MANAGER, PAGE, POLICY_KINDS, REQUEST_S, Kube, Resource
from costward_operator.core.known import Known
from costward_operator.core.objects import EventType, version_of
from costward_operator.core.store import Drift, Listing, Store
from costward_operator.errors import GoneError

log = logging.getLogger(__name__)

_WATCH_S = 600
"""A watch request's length: long enough to cost nothing, short enough that load moves among API servers."""
_QUIET_S = 70
"""Bookmarks come every 60 s: a stream that is silent for longer is dead, though its connection may look alive."""
_IDLE_S = 0.1
"""How long kopf keeps a worker and an object's whole body for the object's next event: with its own five seconds
those of ten thousand objects are in memory at once."""
_LIST_TRIES = 3
"""A LIST whose moment is compacted away begins anew; a cluster in which that happens thrice is not well."""

Heard = Callable[[], None]
_Event = tuple[Resource, EventType, Mapping[str, Any]]


def settings() -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.posting.reporting_component = FIELD_MANAGER
    made.networking.request_timeout = REQUEST_S
    made.networking.connect_timeout = CONNECT_S
    made.networking.error_backoffs = (0.5, 1, 2, 4, 8, 16, 30)
    made.watching.server_timeout = _WATCH_S
    made.watching.client_timeout = _WATCH_S + 60
    made.watching.inactivity_timeout = _QUIET_S
    made.watching.chunk_size = PAGE
    made.queueing.idle_timeout = _IDLE_S
    made.persistence.diffbase_storage = _NothingKept()
    # The CRD is the chart's: its coming and going is nothing to watch, and no right is needed for it.
    made.scanning.disabled = True
    # No handler here is synchronous.
    made.execution.max_workers = 1
    return made


class _NothingKept(kopf.DiffBaseStorage):
    """What kopf compares an object with, for handlers that are not used here: a copy of each object at each event."""

    def build(self, *, body: Any, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: Any) -> None:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Nowhere."""


Told = Callable[[Resource, EventType, Mapping[str, Any]], Awaitable[None]]


def registry(access: Access, told: Told) -> kopf.OperatorRegistry:
    """Of this call alone: kopf's own is global."""
    made = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.ConnectionInfo:
        # Ends before the token does, so that kopf asks here again and gets the renewed one.
        until = datetime.now(UTC) + timedelta(seconds=REREAD_S)
        ca = str(access.ca_file) if access.ca_file else None
        return kopf.ConnectionInfo(server=access.server, ca_path=ca, token=access.token(), expiration=until)

    kopf.on.login(registry=made)(login)
    for resource in POLICY_KINDS:
        kopf.on.event(resource.group, resource.version, resource.plural, registry=made)(_handler(resource, told))
    return made


def _handler(resource: Resource, told: Told) -> Callable[..., Awaitable[None]]:
    async def on_event(event: Mapping[str, Any], **_: Any) -> None:
        # A copy: kopf goes on with its own on another thread.
        await told(resource, _type(event["type"]), dict(event["object"]))

    return on_event


async def watch(access: Access, known: Known, heard: Heard) -> None:
    """Runs until it is cancelled. Raises what kopf raises where it cannot go on; only a new process mends that."""
    here = asyncio.get_running_loop()
    inbox: deque[_Event] = deque()
    some = asyncio.Event()

    async def told(*event: Any) -> None:
        inbox.append(event)
        # Woken for the first alone: who takes it goes on until there are no more, and each call is one to the system.
        if len(inbox) == 1:
            here.call_soon_threadsafe(some.set)

    async def there() -> None:
        await kopf.operator(registry=registry(access, told), settings=settings(), standalone=True, clusterwide=True)

    taking = asyncio.create_task(_take(inbox, some, known, heard))
    try:
        await apart(there)
    finally:
        taking.cancel()


async def _take(inbox: deque[_Event], some: asyncio.Event, known: Known, heard: Heard) -> None:
    while True:
        await some.wait()
        some.clear()
        while inbox:
            resource, type, body = inbox.popleft()
            known.of(resource.kind).apply(type, body)
            heard()
            # Ten thousand objects may come at once, each half a millisecond to read: the lease must have its turn.
            await asyncio.sleep(0)


async def resync(kube: Kube, known: Known, settle_s: float = 0.0, sleep: Any = asyncio.sleep) -> Drift:
    """Full LISTs into the stores. `settle_s`: how long the watch is waited for after the LISTs, so that what it was
    about to tell is not counted as drift. Raises KubeError."""
    listings = [(known.of(one.kind), await _whole(kube, one, known.of(one.kind))) for one in POLICY_KINDS]
    await sleep(settle_s)
    drifts = [store.replace(listing) for store, listing in listings]
    return Drift(
        sum(each.appeared for each in drifts),
        sum(each.changed for each in drifts),
        sum(each.vanished for each in drifts),
    )


async def _whole(kube: Kube, resource: Resource, store: Store) -> Listing:
    for tried in range(1, _LIST_TRIES + 1):
        try:
            return await _list(kube, resource, store)
        except GoneError:
            if tried == _LIST_TRIES:
                raise
            log.info("the list was compacted away while it was read: once more")
    raise AssertionError("unreachable")  # pragma: no cover


async def _list(kube: Kube, resource: Resource, store: Store) -> Listing:
    objects, version = [], ""
    async for page in kube.pages(resource):
        version = page.version
        for item in page.items:
            found = store.read(item)
            if found is not None:
                objects.append(found)
        # A page of new objects takes a quarter of a second to parse: others may have a turn.
        await asyncio.sleep(0)
    return Listing(objects, version_of(version))


def _type(told: str | None) -> EventType:
    """kopf tells of what was there before the watch by no type at all."""
    return "DELETED" if told == "DELETED" else "MODIFIED" if told == "MODIFIED" else "ADDED"
