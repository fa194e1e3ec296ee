"""What a data plane cannot take is refused with its reason and changes nothing; strangers get nothing."""

import asyncio
import contextlib
from pathlib import Path

import grpc
import pytest
from costward_contract.codec import seal
from costward_contract.snapshot import Snapshot
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryStub
from costward_operator.delivery.planes import Account

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import delivery, following, serving, source, until
from tests.fakes.snapshots import snapshot
from tests.fakes.world import policy


async def test_a_newer_operators_words_are_refused_and_the_next_good_one_heals(
    authority: Authority, tmp_path: Path
) -> None:
    service, first, last = delivery(), snapshot("a"), snapshot("c")
    newer = seal(Snapshot((policy(failure_policy="NotYetInvented"),)))
    async with serving(service, authority) as address:
        await service.publish(first)
        async with following(source(authority, tmp_path, address), tmp_path / "kept") as plane:
            await until(lambda: plane.current == first)
            await service.publish(newer)
            await until(lambda: [each.refused for each in service.planes] == [newer.hash])
            await until(lambda: not any(each.needs_whole for each in service.planes))
            assert [each.why for each in service.planes if "NotYetInvented" in each.why]
            assert plane.current == first
            await service.publish(last)
            await until(lambda: plane.current == last)


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer nobody"),), (("authorization", "Basic x"),)])
async def test_a_stranger_gets_nothing(metadata: tuple[tuple[str, str], ...], authority: Authority) -> None:
    service = delivery()
    await service.publish(snapshot("a"))
    async with serving(service, authority) as address:
        credentials = grpc.ssl_channel_credentials(authority.own.certificate.read_bytes())
        options = [("grpc.ssl_target_name_override", "costward-operator")]
        async with grpc.aio.secure_channel(address, credentials, options) as channel:
            call = DeliveryStub(channel).Follow(metadata=metadata)
            # The refusal needs no word of ours and may be here before it: then there is no call left to write to.
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(wire.Told(hello=wire.Hello(node="x")))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call.read()
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert not list(service.planes)


async def test_a_standby_names_the_leader_and_the_data_plane_goes_there(authority: Authority, tmp_path: Path) -> None:
    leader, first = delivery(), snapshot("a")
    await leader.publish(first)
    async with (
        serving(leader, authority) as where,
        serving(delivery(lambda: where), authority) as standby,
        following(source(authority, tmp_path, standby), tmp_path / "kept") as plane,
    ):
        await until(lambda: plane.current == first)


async def test_an_account_is_what_the_token_says(authority: Authority, tmp_path: Path) -> None:
    service = delivery()
    await service.publish(snapshot("a"))
    async with serving(service, authority) as address:
        where = source(authority, tmp_path, address, Account("elsewhere", "app"))
        async with following(where, tmp_path / "kept") as plane:
            await until(lambda: plane.has_any)
            assert plane.current.policies == ()
