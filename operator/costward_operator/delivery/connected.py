"""Delivery in the operator's own terms: it implements `ports.Publisher`."""

from __future__ import annotations

from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import DataPlane, Rejection
from costward_operator.core.rollout import Trying
from costward_operator.delivery.planes import Plane
from costward_operator.delivery.service import Delivery
from costward_operator.proof.ports import Sightings


class Connected:
    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def publish(self, snapshot: Snapshot, percent: int = 100) -> None:
        await self._delivery.publish(snapshot, percent)

    @property
    def sightings(self) -> Sightings:
        return self._delivery.reports

    def page(self) -> dict[str, object]:
        """What is known of each data plane and of its exchanges, as JSON."""
        return self._delivery.reports.page(tuple(self._delivery.planes))

    @property
    def first(self) -> tuple[Trying, ...]:
        return tuple(self._trying(plane) for plane in self._delivery.first)

    def _trying(self, plane: Plane) -> Trying:
        wanted = self._delivery.wanted(plane)
        if plane.refused is not None and plane.refused == wanted and not plane.needs_whole:
            return "refused"
        return "took" if plane.holds == wanted else "asked"

    @property
    def acks(self) -> tuple[DataPlane, ...]:
        return tuple(_data_plane(plane) for plane in self._delivery.planes)


def _data_plane(plane: Plane) -> DataPlane:
    rejected = Rejection(plane.refused, plane.why) if plane.refused is not None else None
    return DataPlane(f"{plane.account}/{plane.node}", plane.scope or "", plane.holds, rejected)
