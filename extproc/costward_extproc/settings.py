"""The data plane's start-up settings: read once from the environment, all problems reported together.

Nothing else reads the environment. Each setting names its variable, default and meaning here alone, and `--help` prints
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from costward_extproc import control_plane, hop
from costward_extproc.control_plane import ControlPlane, control_plane_from
from costward_extproc.core.identity import Workload
from costward_extproc.core.means import LEASE_S
from costward_extproc.errors import SettingsError
from costward_extproc.gate import MAX_DECIDING
from costward_extproc.hop import Hop, hop_from
from costward_extproc.sockets import longest_names

LOCAL = Workload("local", "default", "local")
"""Whom all traffic belongs to in local mode, where there is one app."""

ADMIN_PORT = 0
"""None: who wants a scrape chooses a port that is free."""

DEADLINE_S = 0.2
"""Promise P3: what our own work may add; a fifth of Envoy's message_timeout."""

WORKERS = 1
"""A second one only helps where there is a second core."""

DRAIN_S = 25.0
"""Kubernetes kills half a minute after SIGTERM: what is left is for the proxies to notice, and for the stores to
close."""

PROBE_S = 1.0
"""Four of the wiring's health checks, because a proxy or its machine may be busy."""

_POLICY_FILE = "COSTWARD_POLICY_FILE"

_MOST_WORKERS = 64
"""More than any one proxy feeds, and still two digits in a socket's name."""

_SOCKET_BYTES = 107
"""The longest path that Linux takes for a Unix socket (sockaddr_un, less its ending zero)."""


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


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, as `--help` tells it."""

    name: str
    default: str
    meaning: str


def _variable(name: str, parse: Callable[[str], Any], meaning: str, told: bool = True) -> dict[str, Any]:
    """Metadata of a setting that is read from this variable. `told`: by --help."""
    return {"name": name, "parse": parse, "meaning": meaning, "told": told}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    socket: Path = field(
        metadata=_variable(
            "COSTWARD_SOCKET",
            _socket,
            "Unix socket where Envoy's ext_proc cluster finds us; of several workers PATH.0, PATH.1 and so on",
        )
    )
    state_dir: Path = field(
        metadata=_variable(
            "COSTWARD_STATE_DIR",
            Path,
            "ledger, cache, records, digest key and the last good snapshot; must survive restarts",
        )
    )
    policy_file: Path | None = field(
        default=None,
        metadata=_variable(
            _POLICY_FILE, Path, f"CostPolicy documents, read again when they change; or {control_plane.ADDRESS}"
        ),
    )
    model_dir: Path | None = field(
        default=None, metadata=_variable("COSTWARD_MODEL_DIR", Path, "the built embedder; none: no semantic tier")
    )
    admin_port: int = field(
        default=ADMIN_PORT,
        metadata=_variable(
            "COSTWARD_ADMIN_PORT", _port, "loopback port of /metrics, /ready, /health and /wirings; 0: none"
        ),
    )
    workload: Workload = field(
        default=LOCAL,
        metadata=_variable(
            "COSTWARD_WORKLOAD", _workload, "whom all traffic belongs to: CLUSTER/NAMESPACE/SERVICE-ACCOUNT"
        ),
    )
    lease_s: float = field(
        default=LEASE_S,
        metadata=_variable(
            "COSTWARD_LEASE_SECONDS",
            _seconds,
            "how long a dead process blocks its callers' caps at most; a live one renews every quarter of it",
        ),
    )
    deadline_s: float = field(
        default=DEADLINE_S,
        metadata=_variable(
            "COSTWARD_DEADLINE_SECONDS",
            _seconds,
            "what our own work may add before upstream, under any fault; less than Envoy's message_timeout of 1 s",
        ),
    )
    workers: int = field(
        default=WORKERS, metadata=_variable("COSTWARD_WORKERS", _workers, "processes, each with a socket of its own")
    )
    worker: int | None = field(
        default=None, metadata=_variable("COSTWARD_WORKER", _set_by_supervisor, "which of several it is", told=False)
    )
    supervisor: int | None = field(
        default=None, metadata=_variable("COSTWARD_SUPERVISOR", _set_by_supervisor, "its process id", told=False)
    )
    drain_s: float = field(
        default=DRAIN_S,
        metadata=_variable(
            "COSTWARD_DRAIN_SECONDS", _seconds, "how long streams may go on after SIGTERM before they are cut"
        ),
    )
    max_deciding: int = field(
        default=MAX_DECIDING,
        metadata=_variable(
            "COSTWARD_MAX_DECIDING",
            _count,
            "exchanges between their body and their decision at once; beyond it they pass or are refused",
        ),
    )
    probe_s: float = field(
        default=PROBE_S,
        metadata=_variable(
            "COSTWARD_PROBE_SECONDS", _seconds, "within which every proxy has asked for our health again"
        ),
    )
    hop: Hop | None = None
    """A TCP port with mutual TLS beside the socket, for proxies on other machines."""
    control_plane: ControlPlane | None = None
    """Who sends the policies, where they do not come from a file."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError with every problem."""
        problems: list[str] = []
        values: dict[str, Any] = {}
        for setting in fields(cls):
            if setting.metadata:
                _read(environ, setting.name, setting.metadata, setting.default is MISSING, values, problems)
        listen = hop_from(environ, problems)
        if listen is not None and values.get("workers", WORKERS) > 1:
            problems.append("COSTWARD_LISTEN is one port, which only one worker can serve: set COSTWARD_WORKERS=1")
        source = control_plane_from(environ, problems)
        if bool(environ.get(_POLICY_FILE)) == bool(environ.get(control_plane.ADDRESS)):
            problems.append(f"set {_POLICY_FILE} or {control_plane.ADDRESS}, one of the two: policies have one source")
        if problems:
            raise SettingsError(problems)
        return cls(**values, hop=listen, control_plane=source)


def variables() -> Iterator[Variable]:
    """What a user may set, the needed ones first."""
    for setting in sorted(fields(Settings), key=lambda one: one.default is not MISSING):
        if setting.metadata.get("told"):
            yield Variable(setting.metadata["name"], _shown(setting.default), setting.metadata["meaning"])
    for name, meaning in {**hop.MEANINGS, **control_plane.MEANINGS}.items():
        yield Variable(name, _shown(None), meaning)


def _shown(default: Any) -> str:
    if default is MISSING:
        return "must be set"
    if default is None:
        return "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _read(
    environ: Mapping[str, str],
    setting: str,
    variable: Mapping[str, Any],
    needed: bool,
    values: dict[str, Any],
    problems: list[str],
) -> None:
    """Into `values`, or what is wrong into `problems`. An empty variable is one that is not set."""
    name = variable["name"]
    if text := environ.get(name):
        try:
            values[setting] = variable["parse"](text)
        except ValueError as problem:
            problems.append(f"{name}={text!r}: {problem}")
    elif needed:
        problems.append(f"{name} is not set")
