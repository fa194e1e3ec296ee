"""Of a stream that is too long, both ends are kept; an empty line stands where events are missing between them."""

from __future__ import annotations

import tracemalloc

from costward_extproc.core.transcript import TAIL_BYTES, Transcript


def _seen(limit: int, *chunks: bytes) -> Transcript:
    transcript = Transcript(limit)
    for chunk in chunks:
        transcript = transcript.add(chunk)
    return transcript


def test_where_nothing_is_missing_the_ends_meet() -> None:
    assert _seen(4, b"ab", b"cd", b"ef", b"gh").both_ends() == b"abcdefgh"


def test_where_something_is_missing_they_are_told_apart() -> None:
    long = b"x" * TAIL_BYTES
    assert _seen(4, b"abcd", b"lost", long).both_ends() == b"abcd\n\n" + long


def test_a_stream_within_the_limit_is_whole() -> None:
    assert _seen(4, b"ab", b"cd").both_ends() == b"abcd"


def test_a_stream_of_small_chunks_takes_about_its_own_size() -> None:
    """As single objects, half a million bytes would take fifty million."""
    chunks = [bytes([at % 251]) for at in range(100_000)]
    tracemalloc.start()
    seen = _seen(len(chunks), *chunks)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen.bytes() == b"".join(chunks)
    assert taken < 2 * len(chunks)


def test_what_was_seen_before_stays_as_it_was() -> None:
    before = _seen(100, b"a", b"b", b"c")
    assert (before.add(b"d").bytes(), before.add(b"efg").bytes(), before.bytes()) == (b"abcd", b"abcefg", b"abc")
