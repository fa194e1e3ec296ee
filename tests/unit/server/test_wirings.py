"""What proxies announce of their wiring is told, counted within a bound, and warned of once where it is not ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from costward_extproc.adapters.telemetry import Telemetry
from costward_extproc.server import Processor
from costward_extproc.wirings import MOST, Wirings, merged
from prometheus_client import REGISTRY

from tests.fakes.services import FakeContext, request_headers, services
from tests.fakes.world import World, policy


def announced(
    version: str = "v1", digest: str = "sha256:1", capabilities: str = "retry"
) -> tuple[tuple[str, str], ...]:
    return (
        ("user-agent", "envoy"),
        ("x-costward-wiring", version),
        ("x-costward-wiring-hash", digest),
        ("x-costward-capabilities", capabilities),
        ("x-costward-body-limit", "1"),
    )


def test_the_page_tells_version_hash_capabilities_and_calls() -> None:
    seen = Wirings()
    for _ in range(3):
        seen.saw(announced(capabilities="standalone-override,retry"))
    seen.saw(announced(digest="sha256:2", capabilities=""))

    page = json.loads(seen.page())

    assert page["expected"] == "v1"
    assert page["wirings"] == [
        {
            "version": "v1",
            "hash": "sha256:1",
            "capabilities": ["standalone-override", "retry"],
            "fallback": True,
            "calls": 3,
        },
        {"version": "v1", "hash": "sha256:2", "capabilities": [], "fallback": False, "calls": 1},
    ]


def test_a_version_that_is_not_ours_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    codes: list[str] = []
    seen = Wirings(codes.append)
    with caplog.at_level(logging.WARNING):
        for digest in ("1", "2", "2"):
            seen.saw(announced("v0", digest))
            seen.saw(announced())
        seen.saw(())

    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "a proxy announces wiring 'v0'",
        "a proxy announces wiring 'none'",
    ]
    assert codes == ["wiring-version", "wiring-version"]


def test_distinct_wirings_are_bounded_and_none_is_lost() -> None:
    seen = Wirings()
    for number in range(5 * MOST):
        seen.saw(announced(digest=f"{number}" + "x" * 10_000))
    seen.saw(announced(digest="0" + "x" * 10_000))

    assert len(seen.calls()) == MOST + 1
    assert sum(calls for calls, _ in seen.calls()) == 5 * MOST + 1
    assert max(len(labels["hash"]) for _, labels in seen.calls()) < 200


def test_pages_of_several_workers_are_added_up() -> None:
    one, other = Wirings(), Wirings()
    one.saw(announced())
    other.saw(announced())
    other.saw(announced(digest="sha256:2"))

    rows = json.loads(merged([one.page(), other.page()]))["wirings"]

    assert [(row["hash"], row["capabilities"], row["calls"]) for row in rows] == [
        ("sha256:1", ["retry"], 2),
        ("sha256:2", ["retry"], 1),
    ]


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.close()


async def test_the_server_reads_it_of_each_call_and_a_scrape_shows_it(telemetry: Telemetry) -> None:
    ports = services(World.of(policy()))
    telemetry.watch_counts("costward.wiring.calls", "…", ports.wirings.calls)
    processor = Processor(ports)
    for _ in range(2):
        await processor.Process(None, _Announcing([request_headers(**{":path": "/"})]))
    await processor.drained()

    labels = {"version": "v1", "hash": "sha256:1"}
    values = [
        sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "costward_wiring_calls_total" and labels.items() <= sample.labels.items()
    ]
    assert values == [2]


class _Announcing(FakeContext):
    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return announced()
