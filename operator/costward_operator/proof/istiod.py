"""Proxies as istiod sees them, by its debug pages. It implements `ports.Dumps`.

istiod answers callers of its own namespace, and of those that its `DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES` lists, by
their service account token. Each replica knows the proxies that are connected to it alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp

from costward_operator.proof.config_dump import view_of
from costward_operator.proof.evidence import ProxyView
from costward_operator.proof.ports import EvidenceError

WITHIN_S = 2.0
"""A dump of a proxy takes istiod some milliseconds; with two looks in a row the ten seconds are still kept."""
AT_ONCE = 32
"""Proxies that are looked at anew each time, those first that waited longest: what istiod drops it drops for all of a
kind, so the first few tell, and a mesh of thousands costs its control plane no more than a small one."""


class Istiod:
    def __init__(self, http: aiohttp.ClientSession, url: str, token: Callable[[], str]) -> None:
        """`url`: such as `http://istiod.istio-system.svc:15014`. `token`: a service account's, for istiod."""
        self._http = http
        self._url = url
        self._token = token
        self._views: dict[str, ProxyView] = {}
        """By connection, those looked at longest ago first."""

    async def look(self) -> Sequence[ProxyView]:
        listed, synced = await asyncio.gather(self._ask("/debug/adsz"), self._ask("/debug/syncz"))
        clients = {str(one["connectionId"]): one for one in listed.get("clients") or ()}
        syncs = {str(one["proxy"]): one for one in synced or ()}
        self._views = {id: view for id, view in self._views.items() if id in clients}
        new = [id for id in clients if id not in self._views]
        for id in (*new, *self._views)[:AT_ONCE]:
            # The connection's id is the proxy's with a number behind it.
            sync = syncs.get(id.rpartition("-")[0])
            if sync is not None:
                dump = await self._ask("/debug/config_dump", proxyID=str(sync["proxy"]))
                self._views.pop(id, None)
                self._views[id] = view_of(clients[id], sync, dump)
        return tuple(self._views.values())

    async def _ask(self, path: str, **params: str) -> Any:
        headers: Mapping[str, str] = {"Authorization": f"Bearer {self._token()}"}
        timeout = aiohttp.ClientTimeout(total=WITHIN_S)
        try:
            async with self._http.get(self._url + path, params=params, headers=headers, timeout=timeout) as answer:
                if answer.status in (401, 403):
                    mend = "list the operator's namespace in istiod's DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES"
                    raise EvidenceError(f"istiod refuses {path} ({answer.status}): {mend}")
                if answer.status != 200:
                    raise EvidenceError(f"istiod answers {path} with {answer.status}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise EvidenceError(f"istiod cannot be asked for {path}: {type(error).__name__}") from error
