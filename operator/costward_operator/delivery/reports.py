"""What data planes say of the exchanges that they saw: who was seen when, what it cost and what was saved.

A data plane's word is taken for its own scope only: a tenant must not prove, or disprove, another tenant's traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from costward_contract.v1 import delivery_pb2 as wire

from costward_operator.delivery.planes import Key, Plane

MOST_ROWS = 20_000
"""Of one data plane: twice what an honest one sends. What comes beyond is dropped and counted."""

MOST_CHARACTERS = 512
"""Of a policy's or workload's name: two Kubernetes names of 253 and a slash."""

_Row = tuple[str, str]
"""Policy and workload."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts, and µ$."""

    exchanges: int = 0
    unpriced: int = 0
    hits: int = 0
    spent: int = 0
    saved: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.exchanges + other.exchanges,
            self.unpriced + other.unpriced,
            self.hits + other.hits,
            self.spent + other.spent,
            self.saved + other.saved,
        )


@dataclass(slots=True)
class _Told:
    since: int
    sums: dict[_Row, Totals] = field(default_factory=dict)


class Reports:
    """Deterministic, and without IO; implements the prover's `Sightings`. Heard on the event loop; pages are asked by
    another thread, so what they walk through is copied first, which the interpreter does in one step."""

    def __init__(self) -> None:
        self._told: dict[Key, _Told] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self.refused = 0
        """Sums outside their data plane's scope, or too many."""

    def hear(self, plane: Plane, pulse: wire.Pulse, now: float) -> None:
        """`now`: Unix seconds."""
        told = self._told.get(plane.key)
        if told is None or told.since != pulse.since:
            told = self._told[plane.key] = _Told(pulse.since)
        for one in pulse.sums:
            row = (one.policy, one.workload)
            if not _is_of(plane.scope, one) or (row not in told.sums and len(told.sums) >= MOST_ROWS):
                self.refused += 1
                continue
            told.sums[row] = Totals(one.exchanges, one.unpriced, one.hits, one.spent, one.saved)
            self._sight(one, now)

    def leave(self, plane: Plane) -> None:
        """It is connected no more: what it comes to is told again when it returns. Who was seen was seen."""
        self._told.pop(plane.key, None)

    @property
    def seen(self) -> Mapping[tuple[str, str], float]:
        """(namespace, service account) -> Unix seconds of its last exchange."""
        return self._seen

    def of(self, plane: Plane) -> Totals:
        """Of all its exchanges since its process started."""
        told = self._told.get(plane.key)
        return sum(list(told.sums.values()), Totals()) if told is not None else Totals()

    def by_policy(self) -> dict[str, Totals]:
        """Of all connected data planes since they started, by `namespace/name`."""
        found: dict[str, Totals] = {}
        for told in list(self._told.values()):
            for (policy, _), totals in list(told.sums.items()):
                found[policy] = found.get(policy, Totals()) + totals
        return found

    def page(self, planes: tuple[Plane, ...]) -> dict[str, object]:
        """For people and programs, as JSON."""
        return {
            "dataPlanes": [
                {
                    "account": str(plane.account),
                    "node": plane.node,
                    "version": plane.version,
                    "scope": plane.scope,
                    "serving": plane.serving,
                    "holds": plane.holds,
                    "refused": plane.why if plane.refused is not None else "",
                    **asdict(self.of(plane)),
                }
                for plane in planes
            ],
            "policies": {policy: asdict(totals) for policy, totals in sorted(self.by_policy().items())},
        }

    def _sight(self, one: wire.Sum, now: float) -> None:
        namespace, _, account = one.workload.partition("/")
        if one.exchanges and namespace and account:
            # A data plane whose clock is ahead must not see the future.
            moment = min(float(one.last), now)
            self._seen[namespace, account] = max(moment, self._seen.get((namespace, account), 0.0))


def _is_of(scope: str | None, one: wire.Sum) -> bool:
    if len(one.policy) > MOST_CHARACTERS or len(one.workload) > MOST_CHARACTERS:
        return False
    if scope is None:
        return True
    return one.workload.startswith(f"{scope}/") and (not one.policy or one.policy.startswith(f"{scope}/"))
