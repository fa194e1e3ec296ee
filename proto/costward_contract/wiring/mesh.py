"""What a mesh is asked to do: which providers, by which proxies, and where the data plane is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from costward_contract.wiring.catalogue import Provider, provider_problems
from costward_contract.wiring.spec import Hop

Position = Literal["gateway", "waypoint", "sidecar"]
Obj = dict[str, Any]

MANAGED_BY = {"app.kubernetes.io/managed-by": "costward", "app.kubernetes.io/part-of": "costward"}
VERSION_LABEL = "costward.dev/wiring"
"""Label: the version of the wiring that this object belongs to."""
HASH_ANNOTATION = "costward.dev/wiring-hash"
"""Annotation: the hash of the whole wiring, the same that the proxies announce."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

_CONNECTION_PEER = ("connection.uri_san_peer_certificate",)
_WAYPOINT_PEER = ('filter_state["io.istio.peer_principal"]',)
PEER_ATTRIBUTES: Mapping[Position, tuple[str, ...]] = {
    # The caller's certificate ends at the gateway.
    "gateway": _CONNECTION_PEER,
    # ztunnel's certificate is on the connection; the caller's identity is what Istio took from the tunnel.
    "waypoint": _WAYPOINT_PEER,
    # The request's own connection is the app's in clear: the peer of the hop to the data plane is the truth.
    "sidecar": (),
}
"""Attributes that name the caller, by the position of the proxy. Never `xds.node`: 80 kB a request."""


@dataclass(frozen=True, slots=True)
class MeshSpec:
    position: Position
    providers: tuple[Provider, ...]
    namespace: str = "costward-system"
    """Of the aliases, the ServiceEntries and the data plane."""
    data_plane: str = "costward-extproc"
    """The data plane's Service in `namespace`."""
    data_plane_port: int = 9002
    """The port that examples of ext_proc servers use; nothing of Kubernetes or Istio listens there."""
    data_plane_account: str = "costward-extproc"
    """Its service account: whom proxies believe at the other end of the hop."""
    trust_domain: str = "cluster.local"
    """Istio's default."""
    cluster_domain: str = "cluster.local"
    port: int = 80
    """Where apps speak plain HTTP into the mesh; on HTTP's own port an alias needs none in its URL."""
    proxy_namespace: str = "istio-egress"
    """Where the gateway or waypoint runs. For sidecars: whose sidecars are wired; Istio's root namespace means all."""
    proxy: str = "egress"
    """Name of the waypoint's Gateway, or the label `istio` of an egress gateway's pods."""
    proxy_service: str = "istio-egress"
    """The egress gateway's Service; `istio-egress` with label `egress` is what Istio's chart makes of that name."""
    workload_labels: Mapping[str, str] = field(default_factory=dict)
    """For sidecars: only pods with these labels; for a gateway: instead of the label `istio`."""
    revision: str | None = None
    """Istio's revision that is to read these objects; None: whichever reads those without one."""
    closed: frozenset[str] = frozenset()
    """Names of providers whose calls are refused while the data plane is gone; all others pass (failurePolicy)."""

    @property
    def data_plane_host(self) -> str:
        return f"{self.data_plane}.{self.namespace}.svc.{self.cluster_domain}"

    @property
    def hop(self) -> Hop:
        cluster = f"outbound|{self.data_plane_port}||{self.data_plane_host}"
        # Each route says its own; what is left is for none.
        return Hop(cluster, failure_mode_allow=not self.closed, request_attributes=PEER_ATTRIBUTES[self.position])

    def alias(self, provider: Provider) -> str:
        return f"{provider.name}.{self.namespace}.svc.{self.cluster_domain}"

    def provider_cluster(self, provider: Provider) -> str:
        """The name that Istio gives the cluster. Of the two that a waypoint has, the one that EnvoyFilters reach."""
        return f"outbound|{self.port}||{provider.host}"


def mesh_problems(spec: MeshSpec) -> list[str]:
    """Why this spec cannot work; empty if it can."""
    problems = [problem for provider in spec.providers for problem in provider_problems(provider)]
    if not spec.providers:
        problems.append("no provider is given: name at least one, for example openai")
    names = {provider.name for provider in spec.providers}
    problems += [
        f"{name!r} fails closed and is no provider here: give it, or leave it out" for name in spec.closed - names
    ]
    problems += _repeated("provider", [provider.name for provider in spec.providers])
    # Two ServiceEntries of one host make one cluster, and only one of them would be wired.
    problems += _repeated("host", [provider.host for provider in spec.providers])
    for what, value in (
        ("namespace", spec.namespace),
        ("data plane's Service", spec.data_plane),
        ("namespace of the proxies", spec.proxy_namespace),
        ("proxy", spec.proxy),
    ):
        if not _LABEL.fullmatch(value):
            problems.append(f"the {what} {value!r} is no name of Kubernetes: lower-case letters, digits and '-'")
    if spec.position == "waypoint" and spec.workload_labels:
        problems.append("a waypoint is chosen by its name: it ignores labels, so give none")
    return problems


def _repeated(what: str, values: list[str]) -> list[str]:
    return [
        f"{what} {value!r} is given {count} times: each may be used once"
        for value, count in Counter(values).items()
        if count > 1
    ]


def kubernetes_object(spec: MeshSpec, kind: tuple[str, str], name: str, namespace: str, body: Obj) -> Obj:
    """`kind`: apiVersion and kind. The revision is a label that Istio alone reads."""
    labels = dict(MANAGED_BY)
    if spec.revision is not None:
        labels["istio.io/rev"] = spec.revision
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": body}
