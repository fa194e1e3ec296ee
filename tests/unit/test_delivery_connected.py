"""What the status is written from: each connected data plane, what it serves, and its last refusal."""

from costward_operator.core.delivery import DataPlane, Rejection
from costward_operator.delivery.connected import Connected
from costward_operator.delivery.planes import Plane

from tests.fakes.running_delivery import SHARED, SIDECAR, delivery


def test_each_data_plane_is_told_in_the_operators_terms() -> None:
    service = delivery()
    shared = Plane(SHARED, "a", "1", None).acked("x", 1.0)
    sidecar = Plane(SIDECAR, "b", "1", SIDECAR.namespace).sent("y", "whole").nacked("y", "unknown word", 2.0)
    service.meet(shared)
    service.meet(sidecar)
    assert Connected(service).acks == (
        DataPlane("costward-system/costward-extproc/a", "", "x"),
        DataPlane("team-a/bot/b", "team-a", "", Rejection("y", "unknown word")),
    )
