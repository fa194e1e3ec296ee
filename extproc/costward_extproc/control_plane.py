"""Where the control plane is, and how this data plane shows who it is: by its service account's token, over TLS."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from costward_contract.chunks import INDEX, TornError, read_index, stored
from costward_contract.errors import SnapshotError

if TYPE_CHECKING:
    import grpc
    from costward_contract.snapshot import Snapshot

log = logging.getLogger(__name__)

ADDRESS = "COSTWARD_CONTROL_PLANE"
CA, TOKEN, NAME = "COSTWARD_CONTROL_PLANE_CA", "COSTWARD_CONTROL_PLANE_TOKEN", "COSTWARD_CONTROL_PLANE_NAME"
COLD_START, NODE = "COSTWARD_COLD_START_DIR", "COSTWARD_NODE"

MEANINGS: Mapping[str, str] = {
    ADDRESS: "HOST:PORT of the operator that sends the policies, instead of a file; needs the two files below",
    CA: "PEM file: what the operator's certificate must chain to",
    TOKEN: "a projected service account token with the operator's audience",
    NAME: "the name in the operator's certificate, where it is not the host above",
    COLD_START: "folder of the mounted ConfigMaps costward-snapshot*, for a start without the operator",
    NODE: "this data plane's name: the pod's; else the machine's",
}
"""Of each variable, for `--help`."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    address: str
    """`host:port`."""
    ca: Path
    """PEM: what the control plane's certificate must chain to."""
    token: Path
    """A projected service account token with the control plane's audience; renewed by the kubelet, so read anew for
    each connection."""
    name: str | None = None
    """The name in the control plane's certificate where it is not the address: replicas are redirected to by IP."""
    cold_start: Path | None = None
    """Folder of the mounted copy; None: there is none."""
    node: str = ""
    """This data plane's name, the pod's; the machine's name where none is given."""

    def credentials(self) -> tuple[grpc.ChannelCredentials, tuple[tuple[str, str], ...]]:
        """For one connection. Blocks. Raises OSError."""
        # Not before it is needed: a supervisor reads its settings and connects to nothing.
        import grpc

        token = self.token.read_text().strip()
        return grpc.ssl_channel_credentials(self.ca.read_bytes()), (("authorization", f"Bearer {token}"),)

    def options(self, others: Sequence[tuple[str, int | str]]) -> list[tuple[str, int | str]]:
        name = self.name or self.address.rpartition(":")[0]
        return [*others, ("grpc.ssl_target_name_override", name)]


def control_plane_from(environ: Mapping[str, str], problems: list[str]) -> ControlPlane | None:
    """None where no control plane is named; adds to `problems` what is wrong."""
    address = environ.get(ADDRESS)
    if not address:
        problems.extend(
            f"{name} is set and {ADDRESS} is not: set both, or neither" for name in (CA, TOKEN) if environ.get(name)
        )
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        problems.append(f"{ADDRESS}={address!r}: must be HOST:PORT")
    problems.extend(
        f"{name} is not set: a control plane is asked over TLS and with a token"
        for name in (CA, TOKEN)
        if not environ.get(name)
    )
    folder = environ.get(COLD_START)
    return ControlPlane(
        address,
        Path(environ.get(CA, "")),
        Path(environ.get(TOKEN, "")),
        environ.get(NAME) or None,
        Path(folder) if folder else None,
        environ.get(NODE) or socket.gethostname(),
    )


def cold_start_copy(folder: Path | None) -> Snapshot | None:
    """The newest whole snapshot of those that are mounted here, in the form of `costward_contract.chunks`; None where
    there is none. ConfigMaps are mounted one by one, so the newest may be torn for a moment. Blocks."""
    if folder is None:
        return None
    try:
        index = read_index((folder / INDEX).read_text())
    except (OSError, ValueError) as problem:
        log.warning("no cold-start copy in %s: %s", folder, problem)
        return None
    for entry in index.entries:
        try:
            return stored(entry, lambda name: _piece(folder / name))
        except (OSError, TornError, SnapshotError) as problem:
            log.warning("a cold-start copy in %s is left out: %s", folder, problem)
    return None


def _piece(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None
