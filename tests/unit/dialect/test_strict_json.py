"""Request JSON is read only where every parser reads the same; the refusals have names."""

from __future__ import annotations

import json
import math
import resource
import sys
from typing import Any

import pytest
from costward_extproc.dialects.strict_json import MAX_DEPTH, Unreadable, loads
from hypothesis import given, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(document=st.dictionaries(st.text(), JSON, max_size=5), ascii_only=st.booleans(), indent=st.none() | st.just(2))
def test_reads_what_it_was_written_from(document: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return
    assert loads(body) == document


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.text('{}[]",:\\u0a1 tfnINa-.eE', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        document = loads(body)
    except Unreadable:
        return
    assert document == json.loads(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty-body"),
        (b"{", "malformed"),
        (b"{} {}", "malformed"),
        (b'{"a": 01}', "malformed"),
        (b'{"a": 1,}', "malformed"),
        (b"// x\n{}", "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
        (b'{"a": "\xff"}', "not-utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not-utf8"),
        (b'{"a": 1, "a": 1}', "duplicate-key"),
        (b'{"b": [{"a": 1, "\\u0061": 2}]}', "duplicate-key"),
        (b'{"a": Infinity}', "not-a-number"),
        (b"[]", "not-an-object"),
    ],
)
def test_refusals(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        loads(body)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    inner = "[]" if opening == "[" else "{}"

    def nested(levels: int) -> bytes:
        return ('{"x":' + opening * (levels - 2) + inner + closing * (levels - 2) + "}").encode()

    assert loads(nested(MAX_DEPTH - 1))
    with pytest.raises(Unreadable, match="too-deep"):
        loads(nested(MAX_DEPTH))


def test_wide_is_not_deep() -> None:
    assert loads(json.dumps({"a": [{} for _ in range(1_000)]}).encode())


def test_a_number_beyond_floats_is_a_number() -> None:
    assert loads(b'{"a": 1e999}') == {"a": math.inf}


def test_half_a_surrogate_pair_is_a_string() -> None:
    assert loads(b'{"a": "\\ud800"}') == {"a": "\ud800"}


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_nesting_takes_no_stack() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for body in (b"[" * 1_000_000, b'{"a":' * 300_000):
        with pytest.raises(Unreadable):
            loads(body)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
