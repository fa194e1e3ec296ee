"""What is published is in force on a connected data plane, acknowledged, and kept for its next start."""

import time
from pathlib import Path

from costward_contract.codec import decode
from costward_extproc.adapters.stream_snapshots import StreamSnapshots
from costward_extproc.adapters.sums import Sums

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import delivery, following, serving, source, until
from tests.fakes.snapshots import snapshot


async def test_a_publication_is_in_force_and_acknowledged(authority: Authority, tmp_path: Path) -> None:
    service, first, second = delivery(), snapshot("a"), snapshot("a", "b")
    async with serving(service, authority) as address:
        await service.publish(first)
        async with following(source(authority, tmp_path, address), tmp_path / "kept") as plane:
            await until(lambda: plane.current == first)
            await service.publish(second)
            await until(lambda: plane.current == second)
            await until(lambda: all(each.holds == second.hash for each in service.planes))
    assert decode((tmp_path / "kept").read_bytes()) == second


async def test_a_data_plane_that_is_up_to_date_is_sent_nothing_but_told_so(
    authority: Authority, tmp_path: Path
) -> None:
    service, first = delivery(), snapshot("a")
    async with serving(service, authority) as address:
        await service.publish(first)
        where = source(authority, tmp_path, address)
        async with following(where, tmp_path / "kept") as plane:
            await until(lambda: plane.current == first)
        await until(lambda: not list(service.planes))
        async with following(where, tmp_path / "kept") as again:
            assert again.current == first
            await until(lambda: again.is_connected)
            assert [each.form for each in service.planes] == ["same"]


async def test_a_restart_without_a_control_plane_goes_on_with_what_was_kept(
    authority: Authority, tmp_path: Path
) -> None:
    service, first = delivery(), snapshot("a")
    async with serving(service, authority) as address:
        await service.publish(first)
        where = source(authority, tmp_path, address)
        async with following(where, tmp_path / "kept") as plane:
            await until(lambda: plane.current == first)
    restarted = StreamSnapshots(where, tmp_path / "kept", "test", Sums(time.time(), lambda: True))
    assert restarted.current == first
    assert restarted.has_any


async def test_a_data_plane_returns_to_a_control_plane_that_was_away(authority: Authority, tmp_path: Path) -> None:
    service, first, second = delivery(), snapshot("a"), snapshot("b")
    async with serving(service, authority) as address:
        await service.publish(first)
        following_it = following(source(authority, tmp_path, address), tmp_path / "kept")
        plane = await following_it.__aenter__()
        await until(lambda: plane.current == first)
    fresh = delivery()
    async with serving(fresh, authority, int(address.rpartition(":")[2])):
        await fresh.publish(second)
        await until(lambda: plane.current == second)
    await following_it.__aexit__(None, None, None)
