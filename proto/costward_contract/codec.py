"""The one way in which snapshots become bytes and bytes become snapshots.

The same snapshot gives the same bytes. Their hash travels with them: it is how control plane and data planes say which
configuration they speak of, and how a torn file or ConfigMap is told from a whole one.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from google.protobuf.message import DecodeError

from costward_contract import wire
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import SCHEMA_VERSION, Snapshot
from costward_contract.v1 import snapshot_pb2 as pb


def encode(snapshot: Snapshot) -> bytes:
    """Deterministic bytes with their hash; `snapshot.hash` itself is not looked at."""
    body = _body(snapshot)
    return pb.Sealed(hash=body_hash(body), snapshot=body).SerializeToString(deterministic=True)


def seal(snapshot: Snapshot) -> Snapshot:
    """The same snapshot with its hash filled in."""
    return replace(snapshot, hash=body_hash(_body(snapshot)))


def opened(data: bytes) -> tuple[str, pb.Snapshot]:
    """The hash and the message in a `Sealed`'s bytes. Raises SnapshotError where it is none, is torn, or newer."""
    sealed = pb.Sealed()
    _parse(sealed, data)
    if not sealed.hash:
        raise SnapshotError("not a snapshot: no hash in it")
    if sealed.hash != body_hash(sealed.snapshot):
        raise SnapshotError("the snapshot is torn or was changed: its bytes do not match their hash; fetch it again")
    message = pb.Snapshot()
    _parse(message, sealed.snapshot)
    if message.schema_version > SCHEMA_VERSION:
        raise SnapshotError(
            f"the snapshot has schema {message.schema_version} and this Costward reads up to {SCHEMA_VERSION}: "
            "upgrade the data plane before the operator"
        )
    if message.schema_version == 0:
        raise SnapshotError("not a snapshot: no schema version in it")
    return sealed.hash, message


def decode(data: bytes) -> Snapshot:
    """The snapshot in these bytes, sealed. Raises SnapshotError."""
    hash, message = opened(data)
    return Snapshot(
        policies=tuple(wire.read_policy(policy) for policy in message.policies),
        hash=hash,
        schema_version=message.schema_version,
        destinations=tuple(wire.read_destination(destination) for destination in message.destinations),
    )


def _body(snapshot: Snapshot) -> bytes:
    message = pb.Snapshot(
        schema_version=snapshot.schema_version,
        policies=[wire.write_policy(policy) for policy in snapshot.policies],
        destinations=[wire.write_destination(destination) for destination in snapshot.destinations],
    )
    return message.SerializeToString(deterministic=True)


def _parse(message: pb.Sealed | pb.Snapshot, data: bytes) -> None:
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise SnapshotError("not a snapshot: the bytes are torn, or something else") from None


def body_hash(body: bytes) -> str:
    """What names a snapshot: `sha256:` and the hex digest of its serialised form."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
