"""What stands below the dialects: server-sent events, and compressed answers."""

from __future__ import annotations

import gzip
import zlib

from costward_extproc.core import sse
from costward_extproc.core.inflating import LIMIT, Inflated, inflated
from hypothesis import strategies as st

from tests.fuzz.inputs import changed
from tests.fuzz.seeds import OF_DIALECT, plain, stream
from tests.fuzz.target import Target, chance, pieces

_STREAMS = tuple(
    stream(events, ends, True) for shapes in OF_DIALECT.values() for events in shapes.streams for ends in (b"\n", b"\r")
)
_TOKENS = (b"data:", b"data: ", b"event: x", b": c", b"\n\n", b"\r\n\r\n", b"\r\r", b"\r", b"\xef\xbb\xbf", b"id: 1\n")
_PLAIN = plain(OF_DIALECT["openai.chat"].answers[0])


def check_events(stream: bytes) -> None:
    events, rest = sse.cut(stream)
    assert b"".join(events) + rest == stream, "a byte was lost, added or moved"
    assert sse.cut(rest) == ([], rest)
    found, held = [], b""
    for piece in pieces(stream, chance(stream)):
        complete, held = sse.cut(held + piece)
        found += complete
    assert (found, held) == (events, rest), "the cutting tells"
    data = list(sse.data_in(stream))
    if b"\r" not in stream:
        for ends in (b"\r\n", b"\r"):
            assert list(sse.data_in(stream.replace(b"\n", ends))) == data, "line ends tell"


def check_inflated(data: bytes) -> None:
    rng = chance(data)
    assert inflated(data, "identity") == Inflated(data, "whole")
    assert inflated(data, "br") is None
    for encoding in ("gzip", "deflate"):
        read = inflated(data, encoding)
        assert read is not None
        assert len(read.body) <= LIMIT
    at = rng.randint(0, len(data))
    members = gzip.compress(data[:at], 1) + gzip.compress(data[at:], 1)
    for encoding, compressed in (("gzip", members), ("deflate", zlib.compress(data, 1))):
        assert inflated(compressed, encoding) == Inflated(data, "whole")
        cut = inflated(compressed[: rng.randint(0, len(compressed))], encoding)
        assert cut is not None
        assert data.startswith(cut.body), "a cut answer says something else"


TARGETS = (
    Target("sse", check_events, changed(_STREAMS, _TOKENS) | st.binary(max_size=60), _STREAMS),
    Target(
        "inflated",
        check_inflated,
        changed((gzip.compress(_PLAIN), zlib.compress(_PLAIN), _PLAIN)) | st.binary(max_size=60),
        (gzip.compress(_PLAIN), zlib.compress(_PLAIN), zlib.compress(bytes(100_000)), b""),
        grows=False,
    ),
)
