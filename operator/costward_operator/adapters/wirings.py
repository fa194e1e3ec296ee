"""The wirings that are applied in the cluster: Istio's EnvoyFilters that carry our labels.

Listed again and again instead of watched: they are few, the list is asked for by label, and Istio need not be there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from costward_contract.wiring.mesh import MANAGED_BY

from costward_operator.adapters.kube import Kube, Resource, Sleep
from costward_operator.core.wired import path_of
from costward_operator.errors import KubeError, NotFoundError
from costward_operator.proof.evidence import Path

log = logging.getLogger(__name__)

ENVOY_FILTERS: Final = Resource("networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter")
EVERY_S = 2.0
"""With the prover's three seconds between looks, a wiring that is taken away is told well within ten."""
AGAIN_S = 15.0
"""After a list that failed, as without the right to it: what was known stays, and the log is not filled."""

_SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())


class Wirings:
    def __init__(self, kube: Kube, failed: Callable[[str], None], sleep: Sleep = asyncio.sleep) -> None:
        self._kube = kube
        self._failed = failed
        self._sleep = sleep
        self._paths: tuple[Path, ...] = ()
        self._is_listed = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """Of all wirings that are applied; none before the first list."""
        return self._paths

    @property
    def hosts(self) -> frozenset[str] | None:
        """Whose calls go by a data plane somewhere; None before the first list."""
        return frozenset(host for path in self._paths for host in path.hosts) if self._is_listed else None

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._sleep(EVERY_S if await self.once() else AGAIN_S)

    async def once(self) -> bool:
        """One list; false where it failed."""
        try:
            pages = self._kube.pages(ENVOY_FILTERS, selector=_SELECTOR)
            found = [path_of(item) async for page in pages for item in page.items]
        except NotFoundError:
            # Istio's kinds are not installed.
            found = []
        except KubeError as error:
            log.warning("EnvoyFilters cannot be listed, so that their proof is not known: %s", error)
            self._failed("wirings")
            return False
        self._is_listed = True
        self._paths = tuple(dict.fromkeys(path for path in found if path is not None))
        return True
