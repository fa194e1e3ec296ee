"""The data plane's start-up settings: read once from the environment, all problems reported together.

Nothing else reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from costward_extproc.core.identity import Workload
from costward_extproc.core.means import LEASE_S
from costward_extproc.errors import SettingsError
from costward_extproc.gate import MAX_DECIDING
from costward_extproc.hop import Hop, hop_from
from costward_extproc.sockets import longest_names

T = TypeVar("T")

LOCAL = Workload("local", "default", "local")
"""Whom all traffic belongs to in local mode, where there is one app."""

ADMIN_PORT = 0
DEADLINE_S = 0.2
WORKERS = 1

DRAIN_S = 25.0
"""Kubernetes kills half a minute after SIGTERM: what is left is for the proxies to notice, and for the stores to
close."""

PROBE_S = 1.0
"""Four of the wiring's health checks, because a proxy or its machine may be busy."""

_MOST_WORKERS = 64
"""More than any one proxy feeds, and still two digits in a socket's name."""

_SOCKET_BYTES = 107
"""The longest path that Linux takes for a Unix socket (sockaddr_un, less its ending zero)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    socket: Path
    """Where Envoy's ext_proc cluster finds us; of several workers `{socket}.0`, `{socket}.1` and so on."""
    policy_file: Path
    state_dir: Path
    """Ledger, cache, records, digest key and the last good snapshot; must survive restarts."""
    model_dir: Path | None = None
    """The built embedder; None or empty: no semantic tier."""
    admin_port: int = ADMIN_PORT
    """Loopback port of /metrics, /ready and /health; 0: none. Of several workers it is their supervisor's."""
    workload: Workload = LOCAL
    """Whom all traffic of this process belongs to: in local mode there is one app."""
    lease_s: float = LEASE_S
    """A dead process blocks its callers' caps for at most a minute; a live one renews every quarter of it."""
    deadline_s: float = DEADLINE_S
    """Promise P3: what our own work may add before upstream, under any fault; a fifth of Envoy's message_timeout."""
    workers: int = WORKERS
    """Processes, each with a socket of its own. One, because a second only helps where there is a second core."""
    worker: int | None = None
    """Which of several this process is; its supervisor sets it. None: the only one, or the supervisor."""
    supervisor: int | None = None
    """A worker's parent, by its process id."""
    drain_s: float = DRAIN_S
    """How long streams may go on after SIGTERM before they are cut."""
    max_deciding: int = MAX_DECIDING
    """Exchanges that may be between their body and their decision at once; beyond it they pass or are refused."""
    hop: Hop | None = None
    """A TCP port with mutual TLS beside the socket, for proxies on other machines."""
    probe_s: float = PROBE_S
    """Within which every proxy has asked for our health again."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError with every problem."""
        read = _Reader(environ)
        settings = cls(
            socket=read.needed("COSTWARD_SOCKET", _socket, Path()),
            policy_file=read.needed("COSTWARD_POLICY_FILE", Path, Path()),
            state_dir=read.needed("COSTWARD_STATE_DIR", Path, Path()),
            model_dir=read.optional("COSTWARD_MODEL_DIR", Path, None),
            admin_port=read.optional("COSTWARD_ADMIN_PORT", _port, ADMIN_PORT),
            workload=read.optional("COSTWARD_WORKLOAD", _workload, LOCAL),
            lease_s=read.optional("COSTWARD_LEASE_SECONDS", _seconds, LEASE_S),
            deadline_s=read.optional("COSTWARD_DEADLINE_SECONDS", _seconds, DEADLINE_S),
            workers=read.optional("COSTWARD_WORKERS", _workers, WORKERS),
            worker=read.optional("COSTWARD_WORKER", _set_by_supervisor, None),
            supervisor=read.optional("COSTWARD_SUPERVISOR", _set_by_supervisor, None),
            max_deciding=read.optional("COSTWARD_MAX_DECIDING", _count, MAX_DECIDING),
            drain_s=read.optional("COSTWARD_DRAIN_SECONDS", _seconds, DRAIN_S),
            probe_s=read.optional("COSTWARD_PROBE_SECONDS", _seconds, PROBE_S),
            hop=hop_from(environ, read.problems),
        )
        if settings.hop is not None and settings.workers > 1:
            read.problems.append("COSTWARD_LISTEN is one port, which only one worker can serve: set COSTWARD_WORKERS=1")
        if read.problems:
            raise SettingsError(read.problems)
        return settings


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def needed(self, name: str, parse: Callable[[str], T], stand_in: T) -> T:
        if not self._environ.get(name):
            self.problems.append(f"{name} is not set")
            return stand_in
        return self.optional(name, parse, stand_in)

    def optional(self, name: str, parse: Callable[[str], T], default: T) -> T:
        value = self._environ.get(name)
        if not value:
            return default
        try:
            return parse(value)
        except ValueError as problem:
            self.problems.append(f"{name}={value!r}: {problem}")
            return default


def _socket(value: str) -> Path:
    path = Path(value)
    if any(len(bytes(other)) > _SOCKET_BYTES for other in (path, *longest_names(path, _MOST_WORKERS))):
        raise ValueError(f"a Unix socket's path has at most {_SOCKET_BYTES} bytes; choose a shorter folder")
    return path


def _workers(value: str) -> int:
    if not value.isdigit() or not 0 < int(value) <= _MOST_WORKERS:
        raise ValueError(f"must be a number from 1 to {_MOST_WORKERS}")
    return int(value)


def _count(value: str) -> int:
    if not value.isdigit() or int(value) == 0:
        raise ValueError("must be a number from 1")
    return int(value)


def _set_by_supervisor(value: str) -> int | None:
    if not value.isdigit():
        raise ValueError("is set by the supervisor alone; leave it out")
    return int(value)


def _port(value: str) -> int:
    if not value.isdigit() or int(value) > 65_535:
        raise ValueError("a port is a number from 0 to 65535")
    return int(value)


def _workload(value: str) -> Workload:
    parts = value.split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError("must be CLUSTER/NAMESPACE/SERVICE-ACCOUNT")
    return Workload(*parts)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    if not 0 < seconds < 86_400:
        raise ValueError("must be more than 0 and less than a day")
    return seconds
