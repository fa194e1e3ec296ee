"""A compressed answer flows as it is, is read where it can be, and is stored plain."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.fakes.world import Run, World, chat, completion, policy, stream


def _run(world: World, body: bytes, encoding: str, streamed: bool = False, end: bool = True) -> Run:
    run = world.begin()
    run.request(json.dumps(chat(stream=streamed)).encode(), {})
    kind = "text/event-stream" if streamed else "application/json"
    run.response(body, chunks=[7, 30], end=end, content_encoding=encoding, content_type=kind)
    return run


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(completion())),
        ("GZIP", gzip.compress(completion())),
        ("x-gzip", gzip.compress(completion())),
        ("gzip", gzip.compress(completion()[:50]) + gzip.compress(completion()[50:])),
        ("deflate", zlib.compress(completion())),
    ],
)
def test_read_and_stored_plain(encoding: str, body: bytes) -> None:
    world = World.of(policy())
    run = _run(world, body, encoding)
    assert run.flowed == body
    assert run.record.cost == 85
    assert not run.record.usage.estimated
    (entry,) = world.entries.values()
    assert entry.answer == completion()


def test_a_compressed_stream_is_not_edited() -> None:
    world = World.of(policy())
    body = gzip.compress(stream())
    run = _run(world, body, "gzip", streamed=True)
    assert run.flowed == body
    assert (run.record.usage.input, run.record.usage.output) == (12, 7)
    assert len(world.entries) == 1


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_an_encoding_that_is_not_read_is_estimated_by_its_size(encoding: str) -> None:
    world = World.of(policy())
    body = bytes(400)
    run = _run(world, body, encoding)
    assert run.flowed == body
    assert not world.entries
    usage = run.record.usage
    assert (usage.output, usage.estimated) == (100, True)
    assert run.record.warnings == ("usage-estimated",)
    assert run.record.cost > 0


@pytest.mark.parametrize("body", [gzip.compress(completion())[:-20], b"not gzip at all", b""])
def test_a_broken_encoding_is_neither_kept_nor_free(body: bytes) -> None:
    world = World.of(policy())
    run = _run(world, body, "gzip")
    assert run.flowed == body
    assert not world.entries
    assert run.record.usage.estimated


def test_a_corrupt_one_is_charged_by_what_could_be_read() -> None:
    world = World.of(policy())
    press = zlib.compressobj(wbits=31)
    body = press.compress(stream(text="one two three four")) + press.flush(zlib.Z_SYNC_FLUSH) + b"\xff" * 9
    run = _run(world, body, "gzip", streamed=True)
    assert run.flowed == body
    assert not world.entries
    usage = run.record.usage
    assert (usage.input, usage.output, usage.estimated, run.record.end) == (12, 7, True, "error")


def test_one_whose_caller_left_after_the_last_event_is_whole() -> None:
    world = World.of(policy())
    press = zlib.compressobj(wbits=31)
    run = _run(world, press.compress(stream()) + press.flush(zlib.Z_SYNC_FLUSH), "gzip", streamed=True, end=False)
    assert (run.record.end, run.record.usage.estimated) == ("complete", False)


def test_a_bomb_is_read_to_a_bound() -> None:
    world = World.of(policy())
    run = _run(world, gzip.compress(bytes(64 * 1024 * 1024), 1), "gzip")
    assert not world.entries
    assert run.record.usage.estimated
