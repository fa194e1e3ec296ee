"""Leads, follows, or ends: `core.lease` on a real Lease."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from costward_operator.adapters.kube import LEASES, Kube, Sleep
from costward_operator.core.lease import RETRY_S, Lease, Observed, Wait, observe, released, standing, step
from costward_operator.errors import ConflictError, KubeError, LeaseLostError, NotFoundError

log = logging.getLogger(__name__)

_ASK_S = 4.0
"""For one request: two that hang still leave time to renew by a third."""


ADDRESS = "costward.dev/delivery-address"
"""Annotation of the Lease: the leader's `host:port`, to which standbys send data planes."""


class Leader:
    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        me: str,
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`me`: unique to this process. `clock`: monotonic seconds. `wall`: Unix seconds, only written, never judged
        by."""
        self._kube = kube
        self._place = (namespace, name)
        self._me = me
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._observed: Observed | None = None
        self._renewed_at: float | None = None
        self.address = ""
        """Where data planes find this process, once it leads."""
        self._told = ""

    @property
    def leads(self) -> bool:
        """Asked before every write: a process that was stopped for a while has lost without having noticed."""
        return standing(self._renewed_at, self._clock()) == "leads"

    @property
    def leader_address(self) -> str:
        """Where the leader said, when the lease was last read, that data planes find it; empty: not known."""
        return self._told

    async def acquire(self) -> None:
        """Returns once this process leads, however long that takes."""
        told = ""
        while True:
            holder = await self._try()
            if holder is None:
                log.info("leading as %s", self._me)
                return
            if holder != told:
                log.info("following %s", holder or "nobody yet")
                told = holder
            await self._sleep(RETRY_S)

    async def keep(self) -> None:
        """Renews for ever. Raises LeaseLostError."""
        while True:
            await self._sleep(RETRY_S)
            if not self.leads:
                raise LeaseLostError("the lease could not be renewed in time: another process may lead now")
            holder = await self._try()
            if holder:
                raise LeaseLostError(f"{holder} took the lease")

    async def release(self) -> None:
        """Last of all: whoever takes over begins at once. Never raises KubeError."""
        lease = self._observed.lease if self._observed else None
        if not self.leads or lease is None:
            return
        self._renewed_at = None
        try:
            await self._write(released(lease, self._moment()))
        except KubeError as error:
            log.warning("the lease was not given back, and ends by itself: %s", error)

    async def _try(self) -> str | None:
        """None: this process leads. Else who does, as far as is known; empty where nothing is."""
        begun = self._clock()
        try:
            self._observed = observe(self._observed, await self._read(), self._clock())
            wanted = step(self._observed, self._me, self._clock(), self._moment())
            if isinstance(wanted, Wait):
                return wanted.holder
            self._observed = Observed(await self._write(wanted.lease), self._clock())
        except ConflictError:
            return ""
        except KubeError as error:
            log.warning("the lease was not to be had: %s", error)
            return ""
        # From before the request: the API server may have counted from then.
        self._renewed_at = begun
        return None

    async def _read(self) -> Lease | None:
        try:
            body = await self._kube.read_once(LEASES, *self._place, within_s=_ASK_S)
            self._told = str(((body.get("metadata") or {}).get("annotations") or {}).get(ADDRESS, ""))
            return _lease(body)
        except NotFoundError:
            return None

    async def _write(self, lease: Lease) -> Lease:
        namespace, name = self._place
        said = {"annotations": {ADDRESS: self.address}} if self.address and lease.holder else {}
        metadata: dict[str, Any] = {"name": name, "namespace": namespace, **said}
        if not lease.version:
            return _lease(await self._kube.create(LEASES, namespace, {"metadata": metadata, "spec": _spec(lease)}))
        body = {"metadata": {**metadata, "resourceVersion": lease.version}, "spec": _spec(lease)}
        return _lease(await self._kube.replace(LEASES, namespace, name, body, within_s=_ASK_S))

    def _moment(self) -> str:
        return datetime.fromtimestamp(self._wall(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(lease: Lease) -> dict[str, Any]:
    return {
        "holderIdentity": lease.holder,
        "leaseDurationSeconds": int(lease.duration_s),
        "acquireTime": lease.acquired,
        "renewTime": lease.renewed,
        "leaseTransitions": lease.transitions,
    }


def _lease(body: dict[str, Any]) -> Lease:
    spec = body.get("spec") or {}
    return Lease(
        holder=spec.get("holderIdentity") or "",
        duration_s=float(spec.get("leaseDurationSeconds") or 0),
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=int(spec.get("leaseTransitions") or 0),
        version=str((body.get("metadata") or {}).get("resourceVersion") or ""),
    )
