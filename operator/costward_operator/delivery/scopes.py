"""Which part of the policies a data plane may see."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from costward_contract.codec import seal
from costward_contract.snapshot import Snapshot

from costward_operator.delivery.planes import Account


def scope_of(account: Account, shared: Set[Account]) -> str | None:
    """None: everything, for the shared data planes' own accounts. Any other account belongs to a sidecar, whose pod is
    its tenant's: it sees its own namespace's policies only."""
    return None if account in shared else account.namespace


def scoped(snapshot: Snapshot, scope: str | None) -> Snapshot:
    """Sealed, with a hash of its own, so that an edit in another namespace is no update here."""
    if scope is None:
        return snapshot
    return seal(
        replace(
            snapshot,
            policies=tuple(each for each in snapshot.policies if each.namespace == scope),
            # What another tenant says of its own services is not shown to this one's pods: the data plane that those
            # services' gateway asks holds it up.
            destinations=tuple(each for each in snapshot.destinations if each.policy.namespace == scope),
        )
    )
