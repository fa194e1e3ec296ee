"""What a plain Envoy in front of the providers is asked to be."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from costward_contract.snapshot import Policy
from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH

MAX_SOCKET_PATH_BYTES = 107
"""`sun_path` has 108 bytes on Linux, one of them the closing zero."""

MIB = 1024 * 1024

BODY_LIMIT_BYTES = 32 * MIB
"""Largest request body that is read whole: above what providers take as text, below what hurts a proxy. One number,
because the data plane reads no more either."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
"""A DNS name or an address; what else a URL may hold would end up in Envoy's config as it is."""
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


class WiringError(ValueError):
    """The asked-for wiring cannot work; lists every reason, each with how to mend it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Upstream:
    """One provider."""

    name: str
    """Names the Envoy cluster: letters, digits, `-` and `_`."""
    url: str
    """What an SDK's base URL would be: `https://api.openai.com/v1`. Without a path, `/v1` is meant."""
    hosts: tuple[str, ...] = ("*",)
    """Host names (without port) under which callers ask for this provider."""
    ca_file: str | None = None
    """PEM bundle that its certificate must chain to; None: the spec's."""
    http2: bool = False
    """For `http://`: speak HTTP/2 at once, because clear text has no ALPN to find it out. With TLS ALPN decides."""

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        return self.parts.scheme == "https"

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        return self.parts.port or (443 if self.tls else 80)

    @property
    def authority(self) -> str:
        """The host header that the provider expects: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def base_path(self) -> str:
        """Without a closing slash."""
        return self.parts.path.rstrip("/") or CLIENT_BASE_PATH

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address: those have no server name to send in TLS."""
        return is_ip(self.host)


@dataclass(frozen=True, slots=True)
class HopTls:
    """Mutual TLS between Envoy and a data plane over TCP. Paths of PEM files, as Envoy sees them."""

    certificate: str
    key: str
    ca: str
    """What the data plane's certificate must chain to."""
    server_name: str
    """The DNS name that the data plane's certificate must hold."""


@dataclass(frozen=True, slots=True)
class EnvoySpec:
    upstreams: tuple[Upstream, ...]
    sockets: tuple[str, ...] = ()
    """Paths of the data plane's Unix sockets, one a worker: they are the endpoints of one cluster."""
    addresses: tuple[str, ...] = ()
    """`host:port` of data planes over TCP, instead of sockets; they need `hop_tls`."""
    hop_tls: HopTls | None = None
    listen_address: str = "127.0.0.1"
    """Loopback: callers send their provider keys in clear to this port."""
    listen_port: int = 8080
    """The usual port of a local HTTP proxy, free for a user without privileges. 0 lets the system choose."""
    admin_port: int | None = None
    """On loopback. None: no TCP port, because Envoy's admin interface can stop the process and has no password."""
    admin_socket: str | None = None
    failure_mode_allow: bool = True
    """What happens to LLM requests while the data plane is gone: they pass (True) or get a 500."""
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    """Debian's and Alpine's bundle; other systems keep theirs elsewhere, so the CLI asks the system."""


@dataclass(frozen=True, slots=True)
class Hop:
    """All that the filters need to know of how a proxy reaches the data plane, whoever configures that proxy."""

    cluster: str
    """The proxy's cluster of data planes."""
    failure_mode_allow: bool
    """Whether requests pass while no data plane answers, where a route says nothing else."""
    request_attributes: tuple[str, ...] = ()
    """Attributes by which this proxy tells who calls; none where the peer of the hop itself speaks for the caller."""


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def failure_mode_allow(policies: Iterable[Policy]) -> bool:
    """One static flag serves all policies of a proxy, so one `Closed` wins over every `Open`."""
    return all(policy.failure_policy == "Open" for policy in policies)


def problems_of(spec: EnvoySpec) -> list[str]:
    """Why this spec cannot work; empty if it can."""
    problems = [problem for upstream in spec.upstreams for problem in _upstream_problems(upstream)]
    if not spec.upstreams:
        problems.append("no upstream is given: name at least one provider, for example https://api.openai.com/v1")
    problems += _hop_problems(spec)
    for path in (*spec.sockets, *filter(None, [spec.admin_socket])):
        problems += socket_path_problems(path)
    if spec.admin_port is not None and spec.admin_socket is not None:
        problems.append("both an admin port and an admin socket are given: keep one")
    for kind, values in (
        ("host", [host for upstream in spec.upstreams for host in upstream.hosts]),
        ("upstream name", [upstream.name for upstream in spec.upstreams]),
    ):
        problems += _repeated(kind, values)
    return problems


def _hop_problems(spec: EnvoySpec) -> list[str]:
    problems = [f"the data plane's address {a!r} is not host:port" for a in spec.addresses if not _ADDRESS.fullmatch(a)]
    if not spec.sockets and not spec.addresses:
        problems.append("no data plane socket is given: name at least one Unix socket path")
    if spec.sockets and spec.addresses:
        problems.append("both sockets and addresses of the data plane are given: keep one kind")
    if bool(spec.addresses) is not (spec.hop_tls is not None):
        # Whoever reaches the port could store answers and read prompts; a socket has file permissions instead.
        problems.append("addresses of the data plane and hop_tls go together: TCP needs mutual TLS, a socket has none")
    return problems


def socket_path_problems(path: str) -> list[str]:
    """Why the kernel would not bind or connect this Unix socket path."""
    size = len(path.encode())
    if size <= MAX_SOCKET_PATH_BYTES:
        return []
    problem = f"the socket path {path} has {size} bytes, a Unix socket path may have {MAX_SOCKET_PATH_BYTES}"
    return [f"{problem}: choose a shorter run directory"]


def _repeated(kind: str, values: list[str]) -> list[str]:
    counts = Counter(values).items()
    return [f"{kind} {value!r} is given {count} times: each may be used once" for value, count in counts if count > 1]


def _upstream_problems(upstream: Upstream) -> list[str]:
    where = f"upstream {upstream.name!r}"
    problems = []
    if not _NAME.fullmatch(upstream.name):
        problems.append(f"{where}: a name has only letters, digits, '-' and '_'")
    if not upstream.hosts:
        problems.append(f"{where}: no host is given, so nothing would reach it; '*' means all")
    try:
        parts = upstream.parts
        given = (parts.scheme, parts.hostname, parts.port)
    except ValueError:
        # The parser's own words would repeat the URL, which may hold a password.
        return [*problems, f"{where}: its URL has no valid host or port; write it like https://api.openai.com/v1"]
    if given[0] not in ("http", "https") or not _HOST.fullmatch(given[1] or ""):
        problems.append(f"{where}: its URL must be http(s)://host[:port][/base], for example https://api.openai.com/v1")
    if parts.query or parts.fragment or parts.username is not None:
        problems.append(f"{where}: its URL has a query, a fragment or credentials; only host, port and path are used")
    return problems
