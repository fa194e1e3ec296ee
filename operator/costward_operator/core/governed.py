"""Whose calls each policy governs: what the prover looks for among proxies and exchanges."""

from __future__ import annotations

from collections.abc import Iterable

from costward_contract.policy import CostPolicy

from costward_operator.core.objects import Seen
from costward_operator.proof.evidence import Traffic


def traffic_of(objects: Iterable[Seen]) -> tuple[Traffic, ...]:
    """Of all policies that can be read. A platform's policy governs the namespaces that it names, or all."""
    return tuple(_traffic(seen) for seen in objects if seen.policy is not None)


def _traffic(seen: Seen) -> Traffic:
    if isinstance(seen.policy, CostPolicy):
        accounts = frozenset(seen.policy.spec.workloads.service_accounts)
        return Traffic(seen.ref, frozenset({seen.namespace}), accounts)
    if any(target.kind == "Cluster" for target in seen.targets):
        return Traffic(seen.ref)
    named = (target.name if target.kind == "Namespace" else target.namespace for target in seen.targets)
    return Traffic(seen.ref, frozenset(named))
