"""The operator's start-up settings: read once from the environment, all problems reported together.

Nothing else reads the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from costward_operator import environment as env
from costward_operator.core.rollout import AT_ONCE, Canary
from costward_operator.delivery.planes import Account
from costward_operator.environment import Reader
from costward_operator.errors import SettingsError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's token and the cluster's CA."""

DEBOUNCE_S = 0.15
"""From the first change to the compile: an `apply` of many files is one compile, and a person does not notice."""

RESYNC_S = 300.0
"""Between full LISTs: what a watch lost is made good within five minutes, at the price of one LIST."""

SETTLE_S = 30.0
"""After the start: data planes come back within their back-off of 15 s at most. Until then no absence is believed."""

SAVE_S = 5.0
"""Between two snapshots in ConfigMaps: it is for cold starts only, and etcd need not see every keystroke."""

NAMESPACE = "costward-system"
"""The chart's own default."""

CLUSTER = "default"
"""One cluster needs no name; several are told apart by theirs, which they must then be given."""

ADMIN = ("0.0.0.0", 8081)
"""All addresses, as the kubelet probes the pod's; 8081 as most controllers have it."""

LISTEN = ("0.0.0.0", 8443)
"""All addresses, as data planes come through a Service; 8443, since a process without rights cannot have 443."""

CERTIFICATES = Path("/etc/costward/delivery")
"""Where the chart mounts the Secret: of type kubernetes.io/tls, as cert-manager writes it, so tls.crt and tls.key."""

AUDIENCE = "costward"
"""Of tokens for us alone: one for the API server, or for another product, opens nothing here."""

DATA_PLANE = "costward-extproc"
"""The shared data plane's account in our own namespace. Every other account is a sidecar's, and gets its namespace's
part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """The port that data planes follow snapshots at."""

    listen: tuple[str, int] = LISTEN
    """Port 0: any free one."""
    certificate: Path = CERTIFICATES / "tls.crt"
    """PEM, as is the key; both are read again when they change."""
    key: Path = CERTIFICATES / "tls.key"
    audience: str = AUDIENCE
    accounts: frozenset[Account] = frozenset({Account(NAMESPACE, DATA_PLANE)})
    """Those that get all policies."""
    advertise: str = ""
    """`HOST:PORT` to which standbys send data planes while this replica leads; empty: standbys name nobody, and a data
    plane asks the Service until it reaches the leader."""


ISTIO_TOKEN = Path("/var/run/secrets/tokens/istio-token")
"""Where Istio's own proxies have their token for istiod: a projected one with the audience `istio-ca`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSettings:
    """By what it is proven that traffic passes a data plane."""

    istiod: str = ""
    """URL of istiod's debug pages, such as `http://istiod.istio-system.svc:15014`; empty: proxies are not looked at,
    and only exchanges that came prove anything."""
    istiod_token_file: Path = ISTIO_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    server: str
    """The API server, such as `https://10.0.0.1:443`."""
    token_file: Path = _ACCOUNT / "token"
    ca_file: Path | None = _ACCOUNT / "ca.crt"
    """None: the system's certificate authorities."""
    namespace: str = NAMESPACE
    """Of the Lease and the stored snapshots: the operator's own."""
    name: str = "costward-operator"
    """Of this process among its replicas; the pod's name."""
    cluster: str = CLUSTER
    """This cluster's name among several."""
    group: str = CLUSTER
    """Of clusters that share caps; by default the cluster's own name, so that none are shared unasked."""
    admin: tuple[str, int] = ADMIN
    """Address and port of /health, /ready and /metrics; port 0: any free one."""
    debounce_s: float = DEBOUNCE_S
    resync_s: float = RESYNC_S
    settle_s: float = SETTLE_S
    save_s: float = SAVE_S
    canary: Canary = AT_ONCE
    """Which share of the data planes gets a new snapshot first, and for how long; by default all get it at once."""
    delivery: DeliverySettings | None = None
    """None: data planes have only the stored copy. In a pod it is on unless it is set to `off`."""
    proof: ProofSettings = ProofSettings()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError with every problem."""
        read = Reader(environ)
        ca_file: Path | None = _ACCOUNT / "ca.crt"
        namespace = read.value("COSTWARD_NAMESPACE", str, NAMESPACE)
        cluster = read.value("COSTWARD_CLUSTER_NAME", str, CLUSTER)
        made = cls(
            server=read.value("COSTWARD_KUBE_SERVER", env.server, env.in_cluster(environ)),
            token_file=read.value("COSTWARD_KUBE_TOKEN_FILE", Path, _ACCOUNT / "token"),
            ca_file=read.value("COSTWARD_KUBE_CA_FILE", env.ca, ca_file),
            namespace=namespace,
            name=read.value("COSTWARD_POD_NAME", str, "costward-operator"),
            cluster=cluster,
            group=read.value("COSTWARD_CLUSTER_GROUP", str, cluster),
            admin=read.value("COSTWARD_ADMIN_LISTEN", env.address, ADMIN),
            debounce_s=read.value("COSTWARD_DEBOUNCE_SECONDS", env.seconds, DEBOUNCE_S),
            resync_s=read.value("COSTWARD_RESYNC_SECONDS", env.seconds, RESYNC_S),
            settle_s=read.value("COSTWARD_SETTLE_SECONDS", env.seconds, SETTLE_S),
            save_s=read.value("COSTWARD_SAVE_SECONDS", env.seconds, SAVE_S),
            canary=Canary(
                read.value("COSTWARD_CANARY_PERCENT", env.percent, 0),
                read.value("COSTWARD_CANARY_SECONDS", env.seconds, AT_ONCE.soak_s),
            ),
            delivery=_delivery(read, environ, namespace),
            proof=ProofSettings(
                istiod=read.value("COSTWARD_ISTIOD_URL", env.url, ""),
                istiod_token_file=read.value("COSTWARD_ISTIOD_TOKEN_FILE", Path, ISTIO_TOKEN),
            ),
        )
        if not made.server and not environ.get("COSTWARD_KUBE_SERVER"):
            problem = "COSTWARD_KUBE_SERVER is not set, and there is no KUBERNETES_SERVICE_HOST: this is no pod"
            read.problems.append(f"{problem}; set it to the API server's URL")
        if read.problems:
            raise SettingsError(read.problems)
        return made


def _delivery(read: Reader, environ: Mapping[str, str], namespace: str) -> DeliverySettings | None:
    off: tuple[str, int] | None = LISTEN
    listen = read.value("COSTWARD_DELIVERY_LISTEN", env.address_or_off, off)
    if listen is None:
        return None
    address = environ.get("COSTWARD_POD_IP", "")
    advertised = f"{f'[{address}]' if ':' in address else address}:{listen[1]}" if address else ""
    return DeliverySettings(
        listen=listen,
        certificate=read.value("COSTWARD_DELIVERY_CERTIFICATE", Path, CERTIFICATES / "tls.crt"),
        key=read.value("COSTWARD_DELIVERY_KEY", Path, CERTIFICATES / "tls.key"),
        audience=read.value("COSTWARD_DELIVERY_AUDIENCE", str, AUDIENCE),
        accounts=read.value("COSTWARD_DELIVERY_ACCOUNTS", env.accounts, frozenset({Account(namespace, DATA_PLANE)})),
        advertise=read.value("COSTWARD_DELIVERY_ADVERTISE", env.host_port, advertised),
    )
