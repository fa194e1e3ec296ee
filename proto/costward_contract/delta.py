"""From one snapshot to the next by what changed: one edit among ten thousand policies is sent as one policy.

Works on serialised policies, so that neither side builds objects of what stays the same. What a delta leads to is held
against the hash of the whole: a wrong one is found, never applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from costward_contract.codec import body_hash, opened
from costward_contract.errors import SnapshotError
from costward_contract.snapshot import Policy, Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1 import snapshot_pb2 as pb
from costward_contract.wire import read_destination, read_policy

LEADER = "costward-leader"
"""Trailing metadata of a standby's answer to a data plane: the leader's `host:port`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A snapshot in its serialised parts."""

    hash: str
    schema_version: int
    policies: tuple[bytes, ...]
    """Each a `Policy`, in order of precedence."""
    destinations: tuple[bytes, ...] = ()
    """Each a `Destination`."""


def parts_of(sealed: bytes) -> Parts:
    """The parts of a `Sealed`. Raises SnapshotError as `codec.opened` does."""
    hash, message = opened(sealed)
    policies = tuple(policy.SerializeToString(deterministic=True) for policy in message.policies)
    destinations = tuple(to.SerializeToString(deterministic=True) for to in message.destinations)
    return Parts(hash, message.schema_version, policies, destinations)


def sealed_of(parts: Parts) -> bytes:
    """The `Sealed` with these parts. Raises SnapshotError where they do not match their hash."""
    message = pb.Snapshot(schema_version=parts.schema_version)
    try:
        for policy in parts.policies:
            message.policies.add().ParseFromString(policy)
        for destination in parts.destinations:
            message.destinations.add().ParseFromString(destination)
    except DecodeError:
        raise SnapshotError("a part of the update is torn; fetch the whole snapshot") from None
    body = message.SerializeToString(deterministic=True)
    if body_hash(body) != parts.hash:
        raise SnapshotError("the update does not lead to the snapshot that it names; fetch the whole snapshot")
    return pb.Sealed(hash=parts.hash, snapshot=body).SerializeToString(deterministic=True)


def difference(old: Parts, new: Parts) -> wire.Delta:
    """What leads from `old` to `new`. Linear: policies keep their order of precedence but for the few that changed."""
    return wire.Delta(
        base=old.hash,
        schema_version=new.schema_version,
        steps=_steps(old.policies, new.policies),
        destinations=_steps(old.destinations, new.destinations),
    )


def applied(old: Parts, update: wire.Delta, hash: str) -> Parts:
    """What `update` makes of `old`; only `sealed_of` tells whether it is what `hash` names. Raises SnapshotError."""
    if update.base != old.hash:
        raise SnapshotError("the update begins at another snapshot than the one in force; fetch the whole snapshot")
    policies = tuple(_after(old.policies, update.steps))
    return Parts(hash, update.schema_version, policies, tuple(_after(old.destinations, update.destinations)))


def _after(old: tuple[bytes, ...], steps: Iterable[wire.Step]) -> Iterator[bytes]:
    at = 0
    for step in steps:
        if step.HasField("added"):
            yield step.added
            continue
        yield from old[at : at + step.keep]
        at += step.keep + step.skip


def _steps(old: tuple[bytes, ...], new: tuple[bytes, ...]) -> Iterator[wire.Step]:
    """Greedy: right for any two lists, and short where what stays keeps its order."""
    place = {part: at for at, part in enumerate(old)}
    at = kept = 0
    for part in new:
        found = place.get(part, -1)
        if found == at:
            at, kept = at + 1, kept + 1
            continue
        if kept:
            yield wire.Step(keep=kept)
            kept = 0
        if found < at:
            yield wire.Step(added=part)
        else:
            yield wire.Step(skip=found - at)
            at, kept = found + 1, 1
    if kept:
        yield wire.Step(keep=kept)


def snapshot_of(parts: Parts, known: Mapping[bytes, Policy]) -> Snapshot:
    """The snapshot with these parts. Policies in `known` are taken from there: reading ten thousand takes most of a
    second. Raises SnapshotError for a name that this version does not know."""
    policies = tuple(known.get(each) or read_policy(pb.Policy.FromString(each)) for each in parts.policies)
    destinations = tuple(read_destination(pb.Destination.FromString(each)) for each in parts.destinations)
    return Snapshot(policies, parts.hash, parts.schema_version, destinations)
