"""`costward doctor` tells which wiring the proxies of a running data plane have, and whether fallback can work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from costward_cli.sockets import listen
from costward_cli.wiring_check import wiring_in_use
from costward_extproc.admin import Admin
from costward_extproc.wirings import Wirings


@pytest.fixture
def seen() -> Wirings:
    return Wirings()


@pytest.fixture
def port(seen: Wirings) -> Iterator[int]:
    with listen("127.0.0.1", 0) as free:
        number: int = free.getsockname()[1]
    admin = Admin(number, {}, pages={"/wirings": seen.page})
    yield number
    admin.close()


def announce(seen: Wirings, version: str, capabilities: str) -> None:
    told = {"x-costward-wiring": version, "x-costward-wiring-hash": "sha256:1", "x-costward-capabilities": capabilities}
    seen.saw(told.items())


def test_a_whole_wiring_is_well(seen: Wirings, port: int) -> None:
    announce(seen, "v1", "standalone-override,retry")

    (check,) = wiring_in_use(port)

    assert (check.state, check.mend) == ("ok", "")
    assert check.found.startswith("v1 sha256:1, capabilities standalone-override, retry: fallback possible")


@pytest.mark.parametrize(
    ("version", "capabilities", "why"),
    [
        ("v1", "standalone-override", "no fallback, it has no chain for second attempts"),
        ("v1", "", "no capabilities: no fallback"),
        ("v0", "retry", "the data plane is made for v1"),
    ],
)
def test_an_old_or_foreign_wiring_degrades(seen: Wirings, port: int, version: str, capabilities: str, why: str) -> None:
    announce(seen, version, capabilities)

    (check,) = wiring_in_use(port)

    assert check.state == "degraded"
    assert why in check.found
    assert "costward envoy-config" in check.mend


def test_each_wiring_has_a_line(seen: Wirings, port: int) -> None:
    announce(seen, "v1", "retry")
    announce(seen, "v1", "")

    assert [check.state for check in wiring_in_use(port)] == ["degraded", "ok"]


def test_a_data_plane_that_nobody_asked_yet(port: int) -> None:
    (check,) = wiring_in_use(port)

    assert (check.state, check.found) == ("ok", "the data plane runs, and no proxy has asked it yet")


def test_where_none_runs_it_tells_what_would() -> None:
    (check,) = wiring_in_use(0)

    assert check.state == "ok"
    assert "v1, capabilities standalone-override, retry: fallback possible" in check.found


def test_another_server_on_the_port_is_not_believed() -> None:
    with listen("127.0.0.1", 0) as free:
        number: int = free.getsockname()[1]
    other = Admin(number, {}, pages={"/wirings": lambda: "[]"})
    try:
        (check,) = wiring_in_use(number)
    finally:
        other.close()

    assert check.state == "degraded"
    assert "--admin-port" in check.mend
