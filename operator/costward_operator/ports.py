"""What the operator asks of the world beside Kubernetes: where snapshots go, and what is known of the path there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from costward_contract.snapshot import Snapshot

from costward_operator.core.delivery import DataPlane, Proof
from costward_operator.core.rollout import Trying
from costward_operator.core.targets import Asked, Looked


class Publisher(Protocol):
    async def publish(self, snapshot: Snapshot, percent: int = 100) -> None:
        """Make this the snapshot that so many per cent of the data planes get from now on; the others keep getting the
        last one that was for all. Returns once it is on its way, not once it is acknowledged; a snapshot that it has
        already changes nothing."""
        ...

    @property
    def first(self) -> tuple[Trying, ...]:
        """The connected data planes that a snapshot for a part of them went to; none once one was for all."""
        ...

    @property
    def acks(self) -> tuple[DataPlane, ...]:
        """Every data plane that is connected now, with what it acknowledged last."""
        ...


class Targets(Protocol):
    def known(self, asked: Asked) -> Looked | None:
        """What is known of the targets that policies name. None: not all was looked up yet; it will be, and then the
        loop is told."""
        ...


class Proofs(Protocol):
    @property
    def proofs(self) -> Mapping[str, Proof]:
        """By `namespace/name` of the policy; what is not in it is unproven."""
        ...
