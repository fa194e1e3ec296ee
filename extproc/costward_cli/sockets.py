"""Listening sockets that are bound before anything is started."""

from __future__ import annotations

import socket

_BACKLOG = 2_048
"""Connections that wait to be accepted: a load generator opens hundreds at once."""


def listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    return listener
