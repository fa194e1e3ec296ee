"""What the prover asks of the world. Adapters implement these; every call may fail with EvidenceError, which makes a
fact absent and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from costward_operator.errors import OperatorError
from costward_operator.proof.evidence import Answer, Path, ProxyView


class EvidenceError(OperatorError):
    """Evidence cannot be had just now; the message says of what and why."""


class Probes(Protocol):
    async def ask(self, path: Path) -> Answer:
        """Ask the reserved path at the entrance of a gateway or waypoint. Raises EvidenceError if nobody answers."""
        ...


class Dumps(Protocol):
    async def look(self) -> Sequence[ProxyView]:
        """All proxies that the mesh's control plane knows. Raises EvidenceError."""
        ...


class Sightings(Protocol):
    @property
    def seen(self) -> Mapping[tuple[str, str], float]:
        """(namespace, service account) -> Unix seconds of its last exchange, as data planes report."""
        ...
