"""What was seen of the path that a policy's traffic takes: the facts on which a verdict rests. Plain data.

An applied object proves nothing: istiod drops a patch that it cannot use with a line in its own log, and a proxy
without a cluster for the data plane lets traffic pass unseen. So each fact here says what a proxy itself does, or what
its control plane sent it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from costward_contract.wiring.mesh import Position


@dataclass(frozen=True, slots=True)
class Path:
    """One wiring in force: which proxies carry it, and what they must run."""

    position: Position
    namespace: str
    """Of the gateway or waypoint; empty for sidecars, which are in their workloads' own namespaces."""
    proxy: str
    """Name of the gateway or waypoint, for messages; empty for sidecars."""
    hash: str
    """Of the whole wiring, as `wiring.istio.istio_hash` gives it."""
    hosts: frozenset[str]
    """All of these must go by the data plane: each alias, each provider's own name."""
    entrance: str = ""
    """Where the probe asks, such as `http://istio-egress.istio-egress.svc:80`; empty: it cannot be asked."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Whose calls a policy governs."""

    ref: str
    """`namespace/name` of the policy; of a platform's its name."""
    namespaces: frozenset[str] = frozenset()
    """Empty: every one of the cluster."""
    service_accounts: frozenset[str] = frozenset()
    """Empty: every one of the namespaces."""

    def is_of(self, namespace: str, service_account: str) -> bool:
        if self.namespaces and namespace not in self.namespaces:
            return False
        return not self.service_accounts or service_account in self.service_accounts


@dataclass(frozen=True, slots=True)
class ProxyView:
    """One proxy's configuration, as its control plane made it."""

    name: str
    """`pod.namespace`."""
    kind: str
    """`sidecar`, `router` (a gateway) or `waypoint`."""
    namespace: str
    service_account: str
    hash: str | None
    """The wiring that its filter announces; None: it has no filter of ours."""
    hosts: frozenset[str] = frozenset()
    """Those of which some route of ours stands in front."""
    has_data_plane: bool = True
    """Whether it has the cluster that its filter names. Without one traffic fails open, without a word."""
    is_open: bool = False
    """Whether hosts that no resource names pass it."""
    rejected: str = ""
    """What the proxy said against the last configuration that it was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from the reserved path. All empty: nobody answered."""

    hash: str = ""
    """The wiring by which a data plane of ours was asked; empty: it was not us who answered."""
    problem: str = ""
    """Why nothing is known, or what else answered."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at everything. What could not be looked at is absent and never counts for or against."""

    paths: tuple[Path, ...] = ()
    answers: Mapping[Path, Answer] = field(default_factory=dict)
    """Of gateways and waypoints that were asked."""
    proxies: tuple[ProxyView, ...] | None = None
    """None: the mesh's control plane could not be asked."""
    seen: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(namespace, service account) -> Unix seconds of its last exchange at a data plane."""
    at: float = 0.0
    """Unix seconds of this look."""
    problem: str = ""
    """Why the proxies are not known."""
