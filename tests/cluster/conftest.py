"""One control plane per run for all of tests/cluster, a namespace for each test, and the logs of a failed one."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.cluster.bench.api import Api
from tests.cluster.bench.control_plane import ControlPlane, running_control_plane
from tests.cluster.bench.mesh import Mesh, running_mesh
from tests.cluster.bench.process import Process, until
from tools.cluster_binaries import REQUIRED, Located, located
from tools.cluster_parts import CONTROL_PLANE, MESH, ClusterToolsError, Part

HERE = Path(__file__).parent
START_SECONDS = 300
"""For the test that pays for the start of everything; the others take a second."""
_LOGS = pytest.StashKey[list[Process]]()
_counter = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All on one worker, so that a run with xdist too has one control plane; all slow, as they need processes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group("cluster"))
            item.add_marker(pytest.mark.timeout(START_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of each part's log below a failure."""
    report = yield
    if report.failed:
        for process in item.session.stash.get(_LOGS, []):
            report.sections.append((f"log of {process.name}, {process.log}", process.tail()))
    return report


@pytest.fixture(scope="session")
def shown(request: pytest.FixtureRequest) -> list[Process]:
    """Processes whose logs are shown when a test fails; fixtures that start some add them."""
    processes: list[Process] = []
    request.session.stash[_LOGS] = processes
    return processes


@pytest.fixture(scope="session")
def parts() -> Callable[[Sequence[Part]], Located]:
    """Looks parts up; skips with the reason where they cannot be had, and fails where the run promised them."""

    def look_up(wanted: Sequence[Part]) -> Located:
        try:
            return located(wanted)
        except ClusterToolsError as problem:
            if os.environ.get(REQUIRED) == "required":
                raise
            pytest.skip(f"no cluster here: {problem}")

    return look_up


@pytest.fixture(scope="session")
def control_plane(
    parts: Callable[[Sequence[Part]], Located], shown: list[Process], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """etcd, kube-apiserver and kube-controller-manager, for the whole run."""
    folder = tmp_path_factory.mktemp("control-plane")
    with running_control_plane(parts(CONTROL_PLANE), folder) as plane:
        shown.extend(plane.processes)
        yield plane


@pytest.fixture(scope="session")
def mesh(
    control_plane: ControlPlane,
    parts: Callable[[Sequence[Part]], Located],
    shown: list[Process],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mesh]:
    """istiod on that control plane, for the rest of the run once a test asks for it."""
    with running_mesh(control_plane.api, parts(MESH), tmp_path_factory.mktemp("mesh")) as running:
        shown.append(running.istiod)
        yield running


@pytest.fixture
def api(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Api]:
    """The admin's view of the API with a namespace of this test's own as its default."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:40].strip("-")
    name = f"{readable}-{next(_counter)}"
    admin = control_plane.api.in_namespace(name)
    admin.kubectl("create", "namespace", name)
    # Pods are refused until the controller has made the namespace's own account.
    until(lambda: bool(admin.items("serviceaccount")), f"service account of {name}")
    yield admin
    admin.kubectl("delete", "namespace", name, "--wait=false")
