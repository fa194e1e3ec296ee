"""The watch: kopf, embedded, with the lowest-level handler alone. Each event goes into the store and nowhere else.

kopf brings resumption, bookmarks, back-off and authentication. Its higher-level handlers, indexes and finalizers are
not used: they write three times to each object, keep what was deleted while the watch was down, and need time that
grows with the square of the objects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from costward_operator.adapters.access import REREAD_S, Access
from costward_operator.adapters.kube import CONNECT_S, COST_POLICIES, FIELD_MANAGER, PAGE, REQUEST_S, Kube
from costward_operator.core.objects import EventType, read, version_of
from costward_operator.core.store import Drift, Listing, Store
from costward_operator.errors import GoneError

log = logging.getLogger(__name__)

_WATCH_S = 600
"""A watch request's length: long enough to cost nothing, short enough that load moves among API servers."""
_QUIET_S = 70
"""Bookmarks come every 60 s: a stream that is silent for longer is dead, though its connection may look alive."""
_LIST_TRIES = 3
"""A LIST whose moment is compacted away begins anew; a cluster in which that happens thrice is not well."""

Heard = Callable[[], None]


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
    # The CRD is the chart's: its coming and going is nothing to watch, and no right is needed for it.
    made.scanning.disabled = True
    # No handler here is synchronous.
    made.execution.max_workers = 1
    return made


def registry(access: Access, store: Store, heard: Heard) -> kopf.OperatorRegistry:
    """Of this call alone: kopf's own is global."""
    made = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.ConnectionInfo:
        # Ends before the token does, so that kopf asks here again and gets the renewed one.
        until = datetime.now(UTC) + timedelta(seconds=REREAD_S)
        ca = str(access.ca_file) if access.ca_file else None
        return kopf.ConnectionInfo(server=access.server, ca_path=ca, token=access.token(), expiration=until)

    async def on_event(event: Mapping[str, Any], **_: Any) -> None:
        store.apply(_type(event["type"]), event["object"])
        heard()

    kopf.on.login(registry=made)(login)
    kopf.on.event(COST_POLICIES.group, COST_POLICIES.version, COST_POLICIES.plural, registry=made)(on_event)
    return made


async def watch(access: Access, store: Store, heard: Heard) -> None:
    """Runs until it is cancelled. Raises what kopf raises where it cannot go on; only a new process mends that."""
    await kopf.operator(
        registry=registry(access, store, heard),
        settings=settings(),
        standalone=True,
        clusterwide=True,
    )


async def resync(kube: Kube, store: Store, settle_s: float = 0.0, sleep: Any = asyncio.sleep) -> Drift:
    """A full LIST into the store. `settle_s`: how long the watch is waited for after the LIST, so that what it was
    about to tell is not counted as drift. Raises KubeError."""
    for tried in range(1, _LIST_TRIES + 1):
        try:
            listing = await _list(kube, store)
        except GoneError:
            if tried == _LIST_TRIES:
                raise
            log.info("the list was compacted away while it was read: once more")
            continue
        await sleep(settle_s)
        return store.replace(listing)
    raise AssertionError("unreachable")  # pragma: no cover


async def _list(kube: Kube, store: Store) -> Listing:
    objects, version = [], ""
    async for page in kube.pages(COST_POLICIES):
        version = page.version
        for item in page.items:
            found = read(item, store.known(item))
            if found is not None:
                objects.append(found)
        # A page of new objects takes a quarter of a second to parse: others may have a turn.
        await asyncio.sleep(0)
    return Listing(objects, version_of(version))


def _type(told: str | None) -> EventType:
    """kopf tells of what was there before the watch by no type at all."""
    return "DELETED" if told == "DELETED" else "MODIFIED" if told == "MODIFIED" else "ADDED"
