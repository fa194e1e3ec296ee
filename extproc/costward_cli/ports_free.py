"""Whether a TCP port can be bound, and who has it: asked before anything is started."""

from __future__ import annotations

import socket

import psutil

from costward_cli.problems import CliError


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody holds at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def is_free(host: str, port: int) -> bool:
    """Port 0 always is: the system chooses."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            # Envoy sets SO_REUSEPORT and would silently share the port with another Envoy; this bind does not.
            return False
    return True


def require_free(host: str, port: int, *, purpose: str, option: str) -> None:
    """Raises CliError that names the port, its holder where known, and the option that chooses another."""
    if is_free(host, port):
        return
    holder = _holder(port)
    by = f" by {holder}" if holder else ""
    raise CliError(f"port {port} on {host} ({purpose}) is taken{by}", mend=f"stop that process or choose {option}")


def _holder(port: int) -> str | None:
    """Process that listens on this port, or None: unknown, or not ours to see."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.laddr.port != port:
            continue
        if connection.pid is None:
            return "a process of another user"
        try:
            return f"pid {connection.pid} ({psutil.Process(connection.pid).name()})"
        except psutil.Error:
            return f"pid {connection.pid}"
    return None
