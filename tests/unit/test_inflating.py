"""Compressed bodies are read to their end; a broken one gives what can be read, and says that it is broken."""

from __future__ import annotations

import gzip
import zlib

import pytest
from costward_extproc.core.inflating import Inflated, inflated, most
from hypothesis import given
from hypothesis import strategies as st

TEXT = b"".join(b"line %d of a long answer\n" % number for number in range(20_000))


def bare(data: bytes) -> bytes:
    press = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return press.compress(data) + press.flush()


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_members_that_follow_each_other_are_one_body(parts: list[bytes]) -> None:
    assert inflated(b"".join(map(gzip.compress, parts)), "gzip") == Inflated(b"".join(parts), "whole")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("gzip", gzip.compress(TEXT) + bytes(512)),
    ],
)
def test_every_spelling_is_read(encoding: str, body: bytes) -> None:
    assert inflated(body, encoding) == Inflated(TEXT, "whole")


@given(st.integers(1, 40_000))
def test_a_cut_one_says_so_and_gives_what_came(length: int) -> None:
    body = gzip.compress(TEXT, 1)
    read = inflated(body[: min(length, len(body) - 1)], "gzip")
    assert read is not None
    assert read.end == "cut"
    assert TEXT.startswith(read.body)


@pytest.mark.parametrize("length", [20, 5_000, 30_000])
def test_what_came_before_a_broken_byte_is_given(length: int) -> None:
    press = zlib.compressobj(wbits=31)
    sound = press.compress(TEXT[:length]) + press.flush(zlib.Z_SYNC_FLUSH)
    read = inflated(sound + b"\xff" * 40, "gzip")
    assert read == Inflated(TEXT[:length], "corrupt")


@pytest.mark.parametrize("changed", [slice(-8, -4), slice(-4, None)])
def test_a_wrong_sum_or_length_is_no_whole_body(changed: slice) -> None:
    body = bytearray(gzip.compress(TEXT))
    body[changed] = b"\x01\x02\x03\x04"
    assert inflated(bytes(body), "gzip") == Inflated(TEXT, "corrupt")


def test_what_follows_a_whole_body_is_no_part_of_it() -> None:
    assert inflated(gzip.compress(TEXT) + b"more", "gzip") == Inflated(TEXT, "corrupt")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_read_to_the_bound(encoding: str) -> None:
    bomb = gzip.compress(bytes(50_000_000), 1) if encoding == "gzip" else zlib.compress(bytes(50_000_000), 1)
    assert inflated(bomb, encoding, 1_000_000) == Inflated(bytes(1_000_000), "cut")


def test_no_number_of_members_takes_long() -> None:
    read = inflated(gzip.compress(b"") * 100_000, "gzip")
    assert read == Inflated(b"", "cut")


def test_a_request_says_before_it_is_read_how_large_it_is() -> None:
    assert most(gzip.compress(TEXT), "gzip", 10**9) == len(TEXT)
    assert most(gzip.compress(b"a"), "gzip", 10**9) < 200
    assert most(gzip.compress(TEXT), "gzip", 1_000) == 1_000
