"""What the commands for platform teams need of a cluster."""

from __future__ import annotations

from typing import Any, Protocol

from costward_cli.cluster.kinds import Kind

Obj = dict[str, Any]
"""One Kubernetes object as JSON has it."""


class Cluster(Protocol):
    """One API server as the person at the keyboard may use it. Each call raises CliError where it is refused."""

    namespace: str
    """The one that is meant where none is given."""

    def items(self, kind: Kind, namespace: str | None = None) -> list[Obj]:
        """All objects of the kind, of one namespace or of all. Empty where the server does not know the kind."""
        ...

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Obj | None:
        """None where there is none."""
        ...

    def apply(self, kind: Kind, one: Obj) -> None:
        """Server-side apply; what others set is left alone, conflicts are ours."""
        ...

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> None:
        """Nothing happens where there is none."""
        ...

    def create(self, kind: Kind, one: Obj) -> Obj:
        """The server's answer: for reviews, which exist only in it."""
        ...

    def version(self) -> str:
        """As `kubectl version` tells the server's, such as `v1.36.3`."""
        ...
