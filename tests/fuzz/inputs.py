"""How inputs are made: documents of the right shape with something odd in them, and seeds with bytes changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

MOST_BYTES = 20_000
"""Of an input: enough for every limit that readers have on small things, and quick to read."""

ODD_TEXTS = (
    "",
    "\x00",
    "\ud800",
    "\U0001f600\u200d",
    "\u2028",
    "é\u0301",
    "ß",
    "İ",
    "data: x\n\n",
    "</env>",
    "ﬁ",
    "²",
    "null",
    '"',
    "\\u0061",
    "a\r\nb",
)
ODD_NUMBERS = (0, -1, 1, True, False, 1.0, -0.0, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(2**63) - 1, 5e-324)

TEXTS: SearchStrategy[str] = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
SCALARS: SearchStrategy[Any] = st.one_of(
    st.none(), st.sampled_from(ODD_NUMBERS), TEXTS, st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)


def values(names: Sequence[str]) -> SearchStrategy[Any]:
    """Any JSON value; members are mostly called by names that mean something where they are put."""
    keys = st.sampled_from(list(names)) | TEXTS
    words = st.sampled_from(list(names))
    return st.recursive(
        SCALARS | words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a document, its own included."""
    yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


def names_in(value: Any) -> Iterator[str]:
    """Every member's name and every short text of a document."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from names_in(member)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)
    elif isinstance(value, str) and len(value) <= 24:
        yield value


def odd_document(documents: Sequence[Any]) -> SearchStrategy[Any]:
    """One of `documents` with up to three of its values replaced, left out or put in twice."""
    anything = values(sorted({name for known in documents for name in names_in(known)}) or ["a"])
    return _odd_document(tuple(documents), anything)


@st.composite
def _odd_document(draw: st.DrawFn, documents: Sequence[Any], anything: SearchStrategy[Any]) -> Any:
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(document))))
        if not path:
            document = draw(anything)
            continue
        place: Any = document
        for part in path[:-1]:
            place = place[part]
        _change(draw, place, path[-1], anything)
    return document


def _change(draw: st.DrawFn, place: Any, key: Any, anything: SearchStrategy[Any]) -> None:
    match draw(st.integers(0, 4)):
        case 0:
            del place[key]
        case 1 if isinstance(place, list):
            place.insert(key, draw(anything))
        case 1:
            place[draw(TEXTS)] = draw(anything)
        case 2 if isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        case _:
            place[key] = draw(anything)


@st.composite
def written(draw: st.DrawFn, document: Any) -> bytes:
    """JSON as different libraries write it."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\r\n\t", ":")]))
    text = json.dumps(
        document,
        ensure_ascii=draw(st.booleans()),
        separators=separators,
        indent=draw(st.sampled_from([None, None, 1])),
    )
    return text.encode("utf-8", "surrogatepass")


def odd_json(documents: Sequence[Any]) -> SearchStrategy[bytes]:
    return odd_document(documents).flatmap(written)


def changed(seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> SearchStrategy[bytes]:
    """A seed with some of its bytes changed, moved, repeated or taken from another one."""
    return st.sampled_from(list(seeds)).flatmap(lambda seed: _changed(seed, seeds, tokens)).map(_short)


def changed_often(inner: SearchStrategy[bytes], seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> Any:
    """`inner` itself, or with its bytes changed too."""
    return inner.map(_short) | inner.flatmap(lambda made: _changed(made, seeds, tokens)).map(_short)


def _short(data: bytes) -> bytes:
    return data[:MOST_BYTES]


@st.composite
def _changed(draw: st.DrawFn, data: bytes, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    given = [b"\x00", b"\xff", b"\n", b"\r", b'"', b"\\", b"{", b"}", b"[", b",", b":", b" ", *tokens]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.sampled_from([0, 1, 2, 8, 64, 1_000])))
        match draw(st.integers(0, 5)):
            case 0:
                put = b""
            case 1:
                put = draw(st.sampled_from(given))
            case 2:
                put = data[at:end] * draw(st.sampled_from([2, 3, 50]))
            case 3:
                other = draw(st.sampled_from(list(seeds)))
                start = draw(st.integers(0, len(other)))
                put = other[start : start + draw(st.sampled_from([1, 8, 64, 1_000]))]
            case 4:
                put = draw(st.binary(max_size=4))
            case _:
                data, at, end, put = data[:at], at, at, b""
        data = _short(data[:at] + put + data[end:])
    return data
