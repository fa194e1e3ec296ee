"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.fault_rows import PROPERTY, Row

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(row, title): a row of docs/reliability.md that this test shows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the slow tests, which start processes and measure time, on one worker: beside each other they would
    compete for the cores and blame each other for the delay. Those of conformance, which start fewest and measure
    least, may run beside them: all in a row would take longer than the rest of the tests together."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("xdist_group"):
            group = "conformance" if "conformance" in item.path.parts else "processes"
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """What this test's fault did to its load; `make faults` writes it down."""
    seen = Row()
    yield seen
    request.node.user_properties.append((PROPERTY, vars(seen)))


@pytest.fixture
def full() -> bool:
    """Whether this is `make faults`, which takes the time that the rows ask for; `make test` takes seconds."""
    return os.environ.get("COSTWARD_FAULTS") == "full"
