"""Small snapshots for tests of how they travel."""

from __future__ import annotations

from costward_contract.codec import seal
from costward_contract.snapshot import Snapshot

from tests.fakes.world import policy


def snapshot(*names: str, namespace: str = "team") -> Snapshot:
    """Sealed; a policy for each name."""
    return seal(Snapshot(tuple(policy(name=name, namespace=namespace) for name in names)))
