"""A data plane's stored copy, or an update, that is damaged or foreign: it is told and never decided by, and the
control plane's next word mends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from costward_contract.codec import body_hash, decode, encode
from costward_contract.snapshot import SCHEMA_VERSION, Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1 import snapshot_pb2 as pb
from costward_contract.v1.delivery_pb2_grpc import DeliveryServicer
from costward_extproc.adapters.held_snapshot import HeldSnapshot

from tests.fakes.certificates import Authority
from tests.fakes.fault_rows import Row
from tests.fakes.running_delivery import delivery, following, serving, source, until
from tests.fakes.snapshots import snapshot

pytestmark = pytest.mark.slow

KEPT, NEXT = snapshot("kept"), snapshot("next")


def torn(sealed: bytes) -> bytes:
    return sealed[: len(sealed) // 2]


def flipped(sealed: bytes) -> bytes:
    """One byte, of a policy's text: the whole can still be parsed."""
    return sealed.replace(b"team", b"tram")


def another_hash(sealed: bytes) -> bytes:
    message = pb.Sealed.FromString(sealed)
    message.hash = "sha256:" + "0" * 64
    return message.SerializeToString(deterministic=True)


def schema(version: int) -> Callable[[bytes], bytes]:
    def changed(sealed: bytes) -> bytes:
        body = pb.Snapshot.FromString(pb.Sealed.FromString(sealed).snapshot)
        body.schema_version = version
        inside = body.SerializeToString(deterministic=True)
        return pb.Sealed(hash=body_hash(inside), snapshot=inside).SerializeToString(deterministic=True)

    return changed


class Sends(DeliveryServicer):
    """A control plane that sends these bytes, once."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole
        self.answers: list[wire.Told] = []

    async def Follow(self, _messages: object, context: grpc.aio.ServicerContext[wire.Told, wire.Update]) -> None:
        """The proto's name."""
        await context.read()
        await context.write(wire.Update(hash="sha256:next", whole=self._whole))
        answer = await context.read()
        if isinstance(answer, wire.Told):
            self.answers.append(answer)


DAMAGES = {
    "torn": torn,
    "one byte flipped": flipped,
    "another hash": another_hash,
    "a newer schema": schema(SCHEMA_VERSION + 1),
    "a schema from before the first": schema(0),
}


@pytest.mark.fault("C1", "a data plane's stored copy torn, changed, or of another schema")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_copy_is_told_and_mended(
    tmp_path: Path, row: Row, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    copy, authority, service = tmp_path / "snapshot.bin", Authority(tmp_path), delivery()
    copy.write_bytes(DAMAGES[damage](encode(KEPT)))
    async with serving(service, authority) as address:
        began = time.monotonic()
        async with following(source(authority, tmp_path, address), copy) as plane:
            # Not what it cannot vouch for, and not nothing as if that were the policies: it does not serve yet.
            assert not plane.has_any
            assert plane.current == Snapshot()
            assert "cannot be used" in caplog.text
            await service.publish(NEXT)
            await until(lambda: plane.current.hash == NEXT.hash)
            row.recovery_s = time.monotonic() - began
    assert decode(copy.read_bytes()) == NEXT
    row.said = "not served from; told in the log, and mended by the control plane"


def test_a_sound_copy_is_used(tmp_path: Path) -> None:
    (tmp_path / "snapshot.bin").write_bytes(encode(KEPT))

    assert HeldSnapshot(tmp_path / "snapshot.bin").kept() == KEPT


@pytest.mark.fault("C1", "an update that is torn or of a newer schema")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_update_leaves_the_last_good_in_force(tmp_path: Path, row: Row, damage: str) -> None:
    copy, authority = tmp_path / "snapshot.bin", Authority(tmp_path)
    copy.write_bytes(encode(KEPT))
    service = Sends(DAMAGES[damage](encode(NEXT)))
    async with (
        serving(service, authority) as address,
        following(source(authority, tmp_path, address), copy) as plane,
    ):
        await until(lambda: bool(service.answers))
        assert plane.current == KEPT
    assert service.answers[0].WhichOneof("said") == "nack"
    assert decode(copy.read_bytes()) == KEPT
    row.said = "refused; the last good one stays"
