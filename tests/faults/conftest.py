"""The rows of docs/reliability.md: a test marked with one says what it saw, and `make faults` writes it down."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fakes.fault_rows import PROPERTY, Row


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(row, title): a row of docs/reliability.md that this test shows")


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """What this test's fault did to its load."""
    seen = Row()
    yield seen
    request.node.user_properties.append((PROPERTY, vars(seen)))


@pytest.fixture
def full() -> bool:
    """Whether this is `make faults`, which takes the time that the rows ask for; `make test` takes seconds."""
    return os.environ.get("COSTWARD_FAULTS") == "full"
