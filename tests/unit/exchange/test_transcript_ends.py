"""Of a stream that is too long, both ends are kept; an empty line stands where events are missing between them."""

from __future__ import annotations

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
