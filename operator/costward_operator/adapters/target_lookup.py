"""Looks up what policies name: lists by namespace, only of the kinds and namespaces that some policy needs.

Listed now and then instead of watched: a target that comes or goes shows within seconds, and a cluster's Services,
which are thousands, cost the operator no memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from costward_operator.adapters.kube import Kube, Resource
from costward_operator.core.targets import Asked, Listable, Listed, Looked, Place, looked
from costward_operator.errors import DeniedError, KubeError, NotFoundError

log = logging.getLogger(__name__)

EVERY_S = 10.0
"""A policy whose target went away is told so as soon as one whose proxies lost the filter."""
AGAIN_S = 3.0
"""After an API server that did not answer: what was known stays meanwhile."""

_NOTHING: Final = Looked()

_RESOURCES: Final[Mapping[Listable, Resource]] = {
    "Namespace": Resource("", "v1", "namespaces", "Namespace"),
    "Service": Resource("", "v1", "services", "Service"),
    "ServiceEntry": Resource("networking.istio.io", "v1", "serviceentries", "ServiceEntry"),
    "Gateway": Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway"),
    "HTTPRoute": Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"),
    "EndpointSlice": Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
}


class TargetLookup:
    """Implements `ports.Targets`. Run `run()` as a task."""

    def __init__(self, kube: Kube, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        """`changed`: told when what is known is another than before."""
        self._kube = kube
        self._changed = changed
        self._failed = failed
        self.wired: Callable[[], frozenset[str] | None] = lambda: None
        """Hosts whose calls go by a data plane; None: nobody can tell."""
        self._asked = Asked()
        self._answered = Asked()
        self._looked = Looked()
        self._some = asyncio.Event()

    def known(self, asked: Asked) -> Looked | None:
        self._asked = asked
        if not asked:
            return _NOTHING
        if not self._answered.covers(asked):
            self._some.set()
            return None
        return self._looked

    async def run(self) -> None:
        """For ever."""
        pause = EVERY_S
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._some.wait()
            except TimeoutError:
                pass
            self._some.clear()
            pause = EVERY_S if await self.once() else AGAIN_S

    async def once(self) -> bool:
        """One look at all that is asked for; false where the API server did not answer."""
        asked = self._asked
        if not asked:
            return True
        try:
            listed = {place: await self._list(place) for place in asked.places}
        except KubeError as error:
            log.warning("targets of policies cannot be looked up: %s", error)
            self._failed("targets")
            return False
        found, fresh = looked(asked, listed, self.wired()), not self._answered.covers(asked)
        if found != self._looked or fresh:
            self._looked, self._answered = found, asked
            self._changed()
        return True

    async def _list(self, place: Place) -> Listed:
        kind, namespace = place
        resource = _RESOURCES[kind]
        try:
            return [item async for page in self._kube.pages(resource, namespace=namespace) for item in page.items]
        except NotFoundError:
            # Its kind is not installed, so that there is none.
            return []
        except DeniedError:
            return f"the operator may not list {resource.plural}: give it that right (its ClusterRole, in the chart)"
