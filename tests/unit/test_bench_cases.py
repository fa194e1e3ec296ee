"""The benchmark's cases measure what their names say, each beside what it is compared with."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from costward_extproc.dialects.registry import endpoint_of

from tests.bench import cases, chunks
from tests.bench.answers import WORD, events
from tests.bench.bodies import PATHS, SIZES, body
from tests.bench.cases import DIALECT_CASES, Case
from tests.bench.load import Sample
from tests.bench.measure import Measured
from tests.bench.ratios import Spread
from tests.bench.results import chunk_bars, core_bars, results, worker_bars

TEXT = "How do I reset the password of my account, please?"
PARTS = [cases.core, cases.dialects, cases.workers, chunks.cases]


@pytest.mark.parametrize(("dialect", "size"), sorted({(dialect, size) for dialect, _, size in DIALECT_CASES}))
def test_a_body_has_the_size_of_its_name(dialect: str, size: str) -> None:
    content = body(dialect, size, stream=False).of(TEXT)

    assert json.loads(content)
    assert len(content) == pytest.approx(SIZES[size], rel=0.05)


@pytest.mark.parametrize(("dialect", "mode", "size"), DIALECT_CASES)
def test_a_body_is_read_as_its_dialect(dialect: str, mode: str, size: str) -> None:
    endpoint = endpoint_of("POST", PATHS[dialect])
    assert endpoint is not None
    assert endpoint.dialect is not None

    request = endpoint.dialect.read_request(body(dialect, size, stream=mode == "stream").of(TEXT))

    assert endpoint.dialect.name == dialect
    assert request.stream is (mode == "stream")
    assert mode != "hit" or request.uncacheable is None


@pytest.mark.parametrize("part", PARTS)
def test_names_are_unique_and_comparisons_stand_before(part: object) -> None:
    assert callable(part)
    found: Sequence[Case] = part()
    names = [case.name for case in found]

    assert len(set(names)) == len(names)
    for number, case in enumerate(found):
        assert {name for name in (case.base, case.noop) if name} <= set(names[:number])


@pytest.mark.parametrize(("dialect", "mode", "size"), [case for case in DIALECT_CASES if case[1] == "stream"])
def test_a_stream_is_read_to_its_natural_end(dialect: str, mode: str, size: str) -> None:
    endpoint = endpoint_of("POST", PATHS[dialect])
    assert endpoint is not None
    assert endpoint.dialect is not None

    reading = endpoint.dialect.read_answer(b"".join(events(PATHS[dialect], 5)), True, None)

    assert reading.complete
    assert reading.usage is not None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_a_stream_has_as_many_chunks_as_asked_for(path: str) -> None:
    assert [piece.count(WORD.encode()) for piece in events(path, 7)] == [1] * 7


def test_a_chunk_tells_its_delay_also_where_it_is_cut() -> None:
    piece = b'data: {"content":"%018d"}\n\n'
    received = b"head\r\n" + piece % 1_000_000 + piece % 2_000_000 + b"\r\n0\r\n\r\n"
    parts, clock = iter([received[:20], received[20:60], received[60:]]), iter([1_500_000, 2_500_000, 5_000_000])

    assert chunks.read_delays(lambda: next(parts), lambda: next(clock)) == [1.5, 3.0]


def test_a_cut_stream_is_no_measure() -> None:
    parts = iter([b"head", b""])

    with pytest.raises(RuntimeError, match="cut"):
        chunks.read_delays(lambda: next(parts), lambda: 0)


def sampled(p50: dict[str, float], connections: int = 1) -> Measured:
    samples = {(name, connections): [Sample(ms, ms * 2, 1000 / ms, ms)] * 3 for name, ms in p50.items()}
    return Measured(samples, start_seconds={"exact": 1.0, "semantic": 1.5})


def test_the_bars_are_read_off_the_samples() -> None:
    core = {"envoy": 1.0, "noop": 2.0, "noop-immediate": 1.0, "miss": 2.25, "hit-exact": 2.0}
    semantic = {"embed": 2.0, "miss-semantic": 4.25, "hit-semantic": 5.0}

    found = [bar.measured.middle for bar in core_bars(sampled(core | semantic)) if bar.measured]

    assert found[:5] == [1.25, 1.25, 1.0, 0.5, 1.5]
    assert found[-1] == 1.25


def test_the_workers_are_compared_by_throughput_and_by_work() -> None:
    measured = sampled({"noop-32": 3.0, "miss-32": 4.0, "miss-2w": 5.0}, 32)

    assert [bar.measured for bar in worker_bars(measured)] == [Spread(0.75, 0.75, 0.75), Spread(1.25, 1.25, 1.25)]


def test_chunks_are_told_by_the_delay_that_is_added() -> None:
    plan = chunks.cases()[:3]
    measured = sampled({"envoy-chunk-1": 0.25, "noop-chunk-1": 0.5, "chunk-1": 0.75})

    (row,) = [row for row in results(plan, measured) if row.case == "chunk-1"]

    assert (row.addedP50Ms, row.ratio and row.ratio.middle) == (0.5, 2.0)
    assert [bar.held for bar in chunk_bars(plan, measured)] == [True]


def test_what_was_left_out_is_neither_a_row_nor_a_held_bar() -> None:
    measured = sampled({"noop-32": 1.0, "miss-32": 1.0, "miss-2w": 1.0}, 32)
    measured.left_out["miss-2w"] = "measures None, not pass"

    assert [row.case for row in results(cases.workers(), measured)] == ["noop-32", "miss-32"]
    assert [bar.held for bar in worker_bars(measured)] == [True, False]
