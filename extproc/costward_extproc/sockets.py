"""Names of the files that a data plane has beside its socket: one place, because two processes must agree on them.

A worker binds a name of its own and renames it to the public one when it serves. So a proxy never finds a socket that
nobody serves yet, a file that a killed process left is replaced at once, and a successor takes the name over while its
predecessor still finishes its streams.
"""

from __future__ import annotations

from pathlib import Path

_LARGEST_PID = 4_194_304
"""Linux's own limit on 64 bit."""


def worker_sockets(socket: Path, workers: int) -> tuple[Path, ...]:
    """Where proxies find the workers: the socket itself where there is one, else `{socket}.0` and so on."""
    if workers == 1:
        return (socket,)
    return tuple(worker_socket(socket, number) for number in range(workers))


def worker_socket(socket: Path, number: int) -> Path:
    return socket.with_name(f"{socket.name}.{number}")


def bound_socket(socket: Path, pid: int) -> Path:
    """What a process binds, before it serves."""
    return socket.with_name(f".{pid}")


def admin_socket(socket: Path, pid: int) -> Path:
    """A worker's own admin interface, for its supervisor."""
    return socket.with_name(f".{pid}a")


def last_metrics(socket: Path, pid: int) -> Path:
    """What a worker counted in all its life, written at its end."""
    return socket.with_name(f".{pid}m")


def longest_names(socket: Path, most_workers: int) -> tuple[Path, ...]:
    """The longest that these names can be: a Unix socket's path is bounded."""
    return worker_socket(socket, most_workers - 1), admin_socket(socket, _LARGEST_PID)
