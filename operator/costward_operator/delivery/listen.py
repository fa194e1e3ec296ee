"""The port that data planes connect to: TLS, with a certificate that may be renewed while it serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
from costward_contract.v1.delivery_pb2_grpc import add_DeliveryServicer_to_server

from costward_operator.delivery.service import Delivery
from costward_operator.errors import SettingsError

_OPTIONS = [
    # A data plane asks every ten seconds whether we are there, also where nothing is said; by default that is abuse.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # One that is gone without a word, as after a node's loss, is no data plane in scope any more after half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Without it gRPC waits a minute for a data plane that is stopped and whose kernel still takes what is sent.
    ("grpc.http2.ping_timeout_ms", 10_000),
    # The newest of a restarted operator must bind the port while the old one's last streams end.
    ("grpc.so_reuseport", 1),
]


@dataclass(frozen=True, slots=True)
class Port:
    address: str
    """`host:port`; port 0: any free one."""
    certificate: Path
    """PEM, as is the key; both are read again when they change."""
    key: Path


def listen(delivery: Delivery, port: Port) -> tuple[grpc.aio.Server, int]:
    """A server that is not started, and its port. Raises SettingsError."""
    server = grpc.aio.server(options=_OPTIONS)
    add_DeliveryServicer_to_server(delivery, server)
    try:
        bound = server.add_secure_port(port.address, _credentials(port))
    except OSError as problem:
        raise SettingsError([f"{problem.filename} cannot be read: {problem.strerror}"]) from problem
    except RuntimeError as problem:
        mend = "is the port free, and are certificate and key a pair in PEM?"
        raise SettingsError([f"{port.address} cannot be served: {mend}"]) from problem
    return server, bound


def _credentials(port: Port) -> grpc.ServerCredentials:
    """Raises OSError if the files cannot be read now; later ones that cannot keep what was read before."""
    given = _pair(port)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        # For each handshake: two small files, and a data plane connects once in its life.
        nonlocal given
        try:
            now = _pair(port)
        except OSError:
            return None
        if now == given:
            return None
        given = now
        return grpc.ssl_server_certificate_configuration([now])

    first = grpc.ssl_server_certificate_configuration([given])
    return grpc.dynamic_ssl_server_credentials(first, renewed, require_client_authentication=False)


def _pair(port: Port) -> tuple[bytes, bytes]:
    return port.key.read_bytes(), port.certificate.read_bytes()
