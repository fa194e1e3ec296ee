"""A sidecar's account sees its own namespace's policies, and edits elsewhere do not reach it."""

from pathlib import Path

from costward_contract.codec import seal
from costward_contract.snapshot import Snapshot

from tests.fakes.certificates import Authority
from tests.fakes.running_delivery import SIDECAR, delivery, following, serving, source, until
from tests.fakes.world import policy


def both(generation: int) -> Snapshot:
    own = policy(name="own", namespace=SIDECAR.namespace)
    return seal(Snapshot((own, policy(name="other", namespace="team-b", generation=generation))))


async def test_a_sidecar_never_sees_another_tenants_policies(authority: Authority, tmp_path: Path) -> None:
    service = delivery()
    async with serving(service, authority) as address:
        await service.publish(both(1))
        where = source(authority, tmp_path, address, SIDECAR)
        async with following(where, tmp_path / "kept") as plane:
            await until(lambda: plane.has_any)
            assert [each.name for each in plane.current.policies] == ["own"]
            before = plane.current.hash
            await service.publish(both(2))
            assert [service.wanted(each) for each in service.planes] == [before]
