"""Stands where data planes would be connected: publishes to nobody, so that no policy is called programmed."""

from __future__ import annotations

from collections.abc import Mapping

from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import DataPlane, Proof
from costward_operator.core.rollout import Trying


class Unconnected:
    @property
    def acks(self) -> tuple[DataPlane, ...]:
        return ()

    @property
    def proofs(self) -> Mapping[str, Proof]:
        return {}

    @property
    def first(self) -> tuple[Trying, ...]:
        return ()

    async def publish(self, snapshot: Snapshot, percent: int = 100) -> None:
        """Data planes read the stored copy."""
