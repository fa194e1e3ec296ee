"""Stands where data planes would be connected: publishes to nobody, so that no policy is called programmed."""

from __future__ import annotations

from collections.abc import Mapping

from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import DataPlane, Proof


class Unconnected:
    @property
    def acks(self) -> tuple[DataPlane, ...]:
        return ()

    @property
    def proofs(self) -> Mapping[str, Proof]:
        return {}

    async def publish(self, snapshot: Snapshot) -> None:
        """Data planes read the stored copy."""
