"""The hop from a proxy over TCP: mutual TLS, and nobody else.

Whoever reaches this port could store answers for others and read their prompts. A Unix socket has the file's
permissions for that (0600, in a folder of its own); a port has nothing, so there is none without both certificates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from costward_extproc.errors import SettingsError

if TYPE_CHECKING:
    import grpc

LISTEN = "COSTWARD_LISTEN"
CERTIFICATE, KEY, CLIENT_CA = "COSTWARD_TLS_CERTIFICATE", "COSTWARD_TLS_KEY", "COSTWARD_TLS_CLIENT_CA"

MEANINGS: Mapping[str, str] = {
    LISTEN: "HOST:PORT for proxies on other machines, beside the socket; needs the three files below",
    CERTIFICATE: "PEM file: our certificate, which proxies check",
    KEY: "PEM file: its private key",
    CLIENT_CA: "PEM file: what a proxy's certificate must chain to, an authority that signs for nobody else",
}
"""Of each variable, for `--help`."""


@dataclass(frozen=True, slots=True)
class Hop:
    """PEM files, read when the process starts: a renewed certificate comes with a rolling restart."""

    address: str
    """`host:port`."""
    certificate: Path
    key: Path
    client_ca: Path
    """What a proxy's certificate must chain to: a CA that signs for nobody else."""


def hop_from(environ: Mapping[str, str], problems: list[str]) -> Hop | None:
    """None where no port is asked for; adds to `problems` what is wrong."""
    address = environ.get(LISTEN)
    files = {name: environ.get(name) for name in (CERTIFICATE, KEY, CLIENT_CA)}
    if not address:
        problems.extend(f"{name} is set and {LISTEN} is not: set both, or neither" for name in files if files[name])
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        problems.append(f"{LISTEN}={address!r}: must be HOST:PORT")
    problems.extend(f"{name} is not set: a port needs mutual TLS" for name in files if not files[name])
    certificate, key, client_ca = (Path(value or "") for value in files.values())
    return Hop(address, certificate, key, client_ca)


def listen(server: grpc.aio.Server, hop: Hop) -> int:
    """The port. Raises SettingsError."""
    # Not before it is needed: a supervisor reads its settings and serves nothing.
    import grpc

    try:
        certificate, key, ca = (path.read_bytes() for path in (hop.certificate, hop.key, hop.client_ca))
    except OSError as problem:
        raise SettingsError([f"{problem.filename} cannot be read: {problem.strerror}"]) from problem
    credentials = grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)
    try:
        port: int = server.add_secure_port(hop.address, credentials)
    except RuntimeError as problem:
        mend = "is the port free, and are the certificate and key a pair in PEM?"
        raise SettingsError([f"{LISTEN}={hop.address!r} cannot be served: {mend}"]) from problem
    return port
