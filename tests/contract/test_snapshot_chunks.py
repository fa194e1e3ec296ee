"""A snapshot in ConfigMaps comes back whole or not at all, whenever its writer was killed."""

from __future__ import annotations

import json
import random

import pytest
from costward_contract.chunks import (
    CHUNK_BYTES,
    SLOTS,
    Entry,
    Index,
    TornError,
    digest,
    pack,
    read_index,
    unpack,
)
from hypothesis import given
from hypothesis import strategies as st

NOISE = random.Random(1).randbytes(2 * CHUNK_BYTES + 1)
"""Does not compress: three pieces."""


def entry(slot: int, hash: str, pieces: tuple[bytes, ...] = (b"",)) -> Entry:
    return Entry(slot, hash, len(pieces), digest(pieces), "2026-03-01T10:00:00Z")


@given(st.binary(max_size=2_000))
def test_what_was_packed_is_unpacked(data: bytes) -> None:
    pieces = pack(data)

    assert unpack(entry(0, "h", pieces), pieces) == data


def test_no_piece_is_too_large_for_a_config_map() -> None:
    pieces = pack(NOISE)

    assert [len(piece) <= CHUNK_BYTES for piece in pieces] == [True] * 3
    assert unpack(entry(0, "h", pieces), pieces) == NOISE


def test_pieces_of_two_snapshots_are_told_from_one() -> None:
    old, new = pack(NOISE), pack(NOISE[::-1])

    with pytest.raises(TornError, match="of another one"):
        unpack(entry(0, "h", old), (new[0], *old[1:]))


@pytest.mark.parametrize("pieces", [(None,), (b"x",), (), (b"x", b"y")])
def test_missing_or_other_pieces_are_torn(pieces: tuple[bytes | None, ...]) -> None:
    with pytest.raises(TornError):
        unpack(entry(0, "h", pack(b"data")), pieces)


def test_bytes_that_end_too_early_are_torn_even_under_their_own_digest() -> None:
    cut = (pack(b"data" * 1_000)[0][:-3],)

    with pytest.raises(TornError, match="does not end"):
        unpack(entry(0, "h", cut), cut)


def test_the_present_snapshots_slot_is_not_written_while_there_is_another() -> None:
    index = Index()
    for number in range(20):
        slot = index.free_slot()
        assert index.current is None or slot != index.current.slot
        index = index.without(slot).with_entry(entry(slot, f"h{number}"))

    assert [each.hash for each in index.entries] == ["h19", "h18", "h17", "h16", "h15"]
    assert len({each.slot for each in index.entries}) == SLOTS


def test_an_index_is_read_back() -> None:
    index = Index((entry(1, "new"), entry(0, "old")))

    assert read_index(index.text()) == index


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2}'])
def test_what_is_no_index_says_so(text: str) -> None:
    with pytest.raises(TornError):
        read_index(text)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda i: st.lists(i, max_size=3), max_leaves=5))
def test_entries_that_are_none_are_left_out(rubbish: object) -> None:
    good = json.loads(Index((entry(1, "new"),)).text())["snapshots"]

    assert read_index(json.dumps({"format": 1, "snapshots": [rubbish, *good]})).entries == (entry(1, "new"),)
