"""When the gate opens a way around work: after a queue that lasts, never for a burst, a slow moment or another
clock."""

from __future__ import annotations

import pytest
from costward_extproc.core.relief import Relief
from costward_extproc.gate import STARTED, STREAK, Gate, started_at

DEADLINE_S = 0.2


def fed(gate: Gate, waited: float, seconds: float, rate: int = 200, start: float = 0.0) -> Relief:
    """The last answer to a steady flow of exchanges that all waited so long."""
    last = Relief.NONE
    for n in range(round(seconds * rate)):
        last = gate.relief(waited, start + n / rate)
    return last


@pytest.mark.parametrize(
    ("waited", "seconds", "relief"),
    [
        (0.01, 10.0, Relief.NONE),
        (0.06, 0.05, Relief.NONE),
        (0.06, 10.0, Relief.MEANING),
        (0.08, 10.0, Relief.LOOKUP),
        (0.3, 0.2, Relief.MEANING),
        (0.3, 0.5, Relief.LOOKUP),
        (0.3, 2.0, Relief.CAPS),
    ],
)
def test_more_is_left_out_the_longer_all_wait_and_the_longer_it_lasts(
    waited: float, seconds: float, relief: Relief
) -> None:
    assert fed(Gate(DEADLINE_S), waited, seconds) is relief


def test_a_few_slow_ones_are_no_queue() -> None:
    gate = Gate(DEADLINE_S)
    assert {gate.relief(0.5, float(n)) for n in range(STREAK - 1)} == {Relief.NONE}


def test_one_quick_exchange_ends_a_spell() -> None:
    gate = Gate(DEADLINE_S)
    for second in range(20):
        assert fed(gate, 0.5, 0.9, start=float(second)) < Relief.CAPS
        assert gate.relief(0.001, second + 0.95) is Relief.NONE


def test_once_on_only_those_that_waited_are_relieved_until_the_queue_is_gone() -> None:
    gate = Gate(DEADLINE_S)
    assert fed(gate, 0.5, 2.0) is Relief.CAPS
    assert gate.relief(0.06, 2.1) is Relief.MEANING, "it can be decided in time"
    assert gate.relief(0.11, 2.2) is Relief.CAPS, "the queue is still there"
    assert gate.relief(0.01, 2.3) is Relief.NONE
    assert gate.relief(0.5, 2.4) is Relief.NONE, "a new spell would have to last again"


@pytest.mark.parametrize("waited", [None, -0.5, 3_600.0])
def test_another_clock_or_none_says_nothing(waited: float | None) -> None:
    gate = Gate(DEADLINE_S)
    assert {gate.relief(waited, n / 100) for n in range(1_000)} == {Relief.NONE}


def test_no_more_are_decided_at_once_than_the_bound() -> None:
    gate = Gate(DEADLINE_S, max_deciding=2)
    with gate.decision():
        assert gate.relief(0.0, 0.0) is Relief.NONE
        with gate.decision():
            assert gate.relief(0.0, 0.0) is Relief.CAPS
        assert gate.relief(0.0, 0.0) is Relief.NONE


@pytest.mark.parametrize(
    ("metadata", "started"),
    [
        ((("user-agent", "grpc"), (STARTED, "1763920000.123456")), 1763920000.123456),
        (((STARTED, "-"),), None),
        ((), None),
    ],
)
def test_the_proxy_tells_when_it_got_the_request(metadata: tuple[tuple[str, str], ...], started: float | None) -> None:
    assert started_at(metadata, "unix:") == started


@pytest.mark.parametrize("peer", ["ipv4:10.0.0.7:41234", "ipv6:%5B::1%5D:41234"])
def test_another_machines_clock_is_not_compared_with_ours(peer: str) -> None:
    assert started_at(((STARTED, "1763920000.123456"),), peer) is None
