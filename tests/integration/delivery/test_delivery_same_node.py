"""A data plane that comes by another call, before its old one is known to be dead, counts once and goes on."""

import asyncio
from contextlib import suppress
from pathlib import Path

import grpc
from costward_contract.v1 import delivery_pb2 as wire
from costward_contract.v1.delivery_pb2_grpc import DeliveryStub

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import delivery, following, serving, source, until
from tests.fakes.snapshots import snapshot


async def test_the_newer_call_is_the_one_that_counts(authority: Authority, tmp_path: Path) -> None:
    service, first, second = delivery(), snapshot("a"), snapshot("a", "b")
    async with serving(service, authority) as address:
        await service.publish(first)
        of = source(authority, tmp_path, address)
        credentials, metadata = of.credentials()
        async with grpc.aio.secure_channel(address, credentials, of.options([])) as channel:
            old = DeliveryStub(channel).Follow(metadata=metadata)
            await old.write(wire.Told(hello=wire.Hello(node=of.node, version="test", reads_schema=1)))
            assert (await old.read()).hash == first.hash
            async with following(of, tmp_path / "kept") as plane:
                await until(lambda: plane.current == first)
                assert [each.node for each in service.planes] == [of.node]
                # The old one is ended, not left to hang.
                async with asyncio.timeout(10):
                    assert await old.read() is grpc.aio.EOF
                await service.publish(second)
                await until(lambda: plane.current == second)
            with suppress(grpc.aio.AioRpcError):
                await old.done_writing()


async def test_what_it_tells_reaches_the_control_plane(authority: Authority, tmp_path: Path) -> None:
    class Pulses:
        def begin(self) -> None:
            pass

        def next(self) -> tuple[wire.Pulse, bool]:
            told = wire.Sum(policy="team/a", workload="team/app", exchanges=2, last=5)
            return wire.Pulse(serving=True, since=1, sums=[told]), False

    service = delivery()
    async with serving(service, authority) as address:
        await service.publish(snapshot("a"))
        async with following(source(authority, tmp_path, address), tmp_path / "kept", Pulses()):
            await until(lambda: service.reports.seen == {("team", "app"): 5.0})
            assert [plane.serving for plane in service.planes] == [True]
