"""A snapshot for a part of the data planes reaches that part only, until it is for all."""

from contextlib import AsyncExitStack
from pathlib import Path

from costward_operator.delivery.connected import Connected

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import delivery, following, serving, source, until
from tests.fakes.snapshots import snapshot


async def test_one_of_three_gets_it_first(authority: Authority, tmp_path: Path) -> None:
    service, old, new = delivery(), snapshot("a"), snapshot("a", "b")
    publisher = Connected(service)
    async with serving(service, authority) as address, AsyncExitStack() as stack:
        await publisher.publish(old)
        planes = [
            await stack.enter_async_context(
                following(source(authority, tmp_path, address, node=node), tmp_path / f"kept-{node}")
            )
            for node in ("a", "b", "c")
        ]
        await until(lambda: all(plane.current == old for plane in planes))

        await publisher.publish(new, 34)
        await until(lambda: publisher.first == ("took",))
        assert sorted(plane.current == new for plane in planes) == [False, False, True]

        # One that comes meanwhile gets what all have.
        where = source(authority, tmp_path, address, node="d")
        late = await stack.enter_async_context(following(where, tmp_path / "kept-d"))
        await until(lambda: late.has_any)
        assert late.current == old

        await publisher.publish(new)
        await until(lambda: all(plane.current == new for plane in (*planes, late)))
        assert publisher.first == ()


async def test_a_trial_that_is_withdrawn_is_taken_back(authority: Authority, tmp_path: Path) -> None:
    service, old, new = delivery(), snapshot("a"), snapshot("a", "b")
    async with serving(service, authority) as address:
        await service.publish(old)
        async with following(source(authority, tmp_path, address), tmp_path / "kept") as plane:
            await until(lambda: plane.has_any)
            await service.publish(new, 10)
            await until(lambda: plane.current == new)
            await service.publish(old)
            await until(lambda: plane.current == old)
