"""A stream is cut into events without losing, adding or reordering a byte."""

from __future__ import annotations

import pytest
from costward_extproc.core.sse import cut, data_in, data_of
from hypothesis import given, settings
from hypothesis import strategies as st

LINES = st.lists(st.sampled_from([b"data: a", b"data:b", b"event: x", b": c", b"data", b"", b"id: 1"]), max_size=12)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@settings(max_examples=150, deadline=None)
@given(lines=LINES, end=ENDS, tail=st.binary(max_size=5))
def test_no_byte_is_lost(lines: list[bytes], end: bytes, tail: bytes) -> None:
    stream = b"".join(line + end for line in lines) + tail
    events, rest = cut(stream)
    assert b"".join(events) + rest == stream
    assert all(event.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) for event in events)
    assert cut(rest) == ([], rest)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\r\n\r\n", b"a"),
        (b"data:  a\r\r", b" a"),
        (b"event: x\ndata: a\nid: 1\n\n", b"a"),
        (b"event: x\ndata: a\n\n", b"a"),
        (b"event: x\ndata:a\n\n", b"a"),
        (b"event: x\r\ndata: a\r\n\r\n", b"a"),
        (b"event: x\rdata: a\ndata: b\n\n", b"a\nb"),
        (b"event: data: x\n\n", None),
        (b"data: a\nevent: x\n\n", b"a"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a", b"a"),
        (b"\ndata: a\n\n", b"a"),
        (b": comment\n\n", None),
        (b"event: ping\n\n", None),
        (b"", None),
        (b"data\n\n", None),
        (b"data: \n`", b""),
        (b"data: a\n:", b"a"),
    ],
)
def test_data(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


@settings(max_examples=300, deadline=None)
@given(stream=st.lists(st.sampled_from([b"\n", b"data: ", b"event: ", b"x", b"\r"]), max_size=14).map(b"".join))
def test_whichever_way_it_is_read(stream: bytes) -> None:
    """Line ends of one kind are read by a short cut; a comment with another kind before it takes the long way."""
    long_way = b":\r\n\r\n"
    events, rest = cut(stream)
    assert cut(long_way + stream) == ([long_way, *events], rest)
    assert [data_of(event) for event in events] == [data_of(b":\r" + event) for event in events]


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert list(data_in(b"data: a\n\n: c\n\ndata: [DONE]")) == [b"a", b"[DONE]"]
