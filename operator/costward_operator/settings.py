"""The operator's start-up settings: read once from the environment, all problems reported together.

Nothing else reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from costward_operator.errors import SettingsError

T = TypeVar("T")

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

ADMIN = ("0.0.0.0", 8081)
"""All addresses, as the kubelet probes the pod's; 8081 as most controllers have it."""


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
    admin: tuple[str, int] = ADMIN
    """Address and port of /health, /ready and /metrics; port 0: any free one."""
    debounce_s: float = DEBOUNCE_S
    resync_s: float = RESYNC_S
    settle_s: float = SETTLE_S
    save_s: float = SAVE_S

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError with every problem."""
        read = _Reader(environ)
        ca_file: Path | None = _ACCOUNT / "ca.crt"
        made = cls(
            server=read.value("COSTWARD_KUBE_SERVER", _server, _in_cluster(environ)),
            token_file=read.value("COSTWARD_KUBE_TOKEN_FILE", Path, _ACCOUNT / "token"),
            ca_file=read.value("COSTWARD_KUBE_CA_FILE", _ca, ca_file),
            namespace=read.value("COSTWARD_NAMESPACE", str, NAMESPACE),
            name=read.value("COSTWARD_POD_NAME", str, "costward-operator"),
            admin=read.value("COSTWARD_ADMIN_LISTEN", _listen, ADMIN),
            debounce_s=read.value("COSTWARD_DEBOUNCE_SECONDS", _seconds, DEBOUNCE_S),
            resync_s=read.value("COSTWARD_RESYNC_SECONDS", _seconds, RESYNC_S),
            settle_s=read.value("COSTWARD_SETTLE_SECONDS", _seconds, SETTLE_S),
            save_s=read.value("COSTWARD_SAVE_SECONDS", _seconds, SAVE_S),
        )
        if not made.server:
            problem = "COSTWARD_KUBE_SERVER is not set, and there is no KUBERNETES_SERVICE_HOST: this is no pod"
            read.problems.append(f"{problem}; set it to the API server's URL")
        if read.problems:
            raise SettingsError(read.problems)
        return made


class _Reader:
    """What is set, parsed; the default where it is not."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def value(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._environ.get(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as problem:
            self.problems.append(f"{name}={text!r}: {problem}")
            return default


def _in_cluster(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host else ""


def _server(text: str) -> str:
    if not text.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ValueError("must begin with https://; plain http:// would show the token, and is for loopback only")
    return text.rstrip("/")


def _ca(text: str) -> Path | None:
    return None if text == "system" else Path(text)


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ValueError("must be ADDRESS:PORT, such as 0.0.0.0:8081")
    return host.strip("[]"), int(port)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    if not 0 < seconds < 86_400:
        raise ValueError("must be more than 0 and less than a day")
    return seconds
