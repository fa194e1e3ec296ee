"""Compressed bodies, inflated once and within a bound: a few bytes may hold gigabytes.

Source of the formats: RFC 1950 (zlib, which HTTP calls deflate), 1951 (what some send under that name without its
frame) and 1952 (gzip, of which several members may follow each other).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

PLAIN = ("", "identity")
_GZIP = ("gzip", "x-gzip")
_READ = (*_GZIP, "deflate")

LIMIT = 16 * 1024 * 1024
"""Bytes that a compressed answer may grow to: four times the kept answer, so a bomb costs bounded memory."""

_USUAL_RATIO = 8
"""JSON shrinks to a fifth to an eighth. A gzip member tells its size at its end, which covers what shrinks better."""

_PIECE = 16 * 1024
"""Bytes inflated at a time: what a broken stream said before it broke is looked for within one of them."""

_MOST_MEMBERS = 1_024
"""Of 64 kB, as block-wise writers make them, four times as many as the limit holds; each costs some 10 µs to begin."""

_MAGIC = b"\x1f\x8b"
_ANY_FRAME = zlib.MAX_WBITS | 32
_NO_FRAME = -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Inflated:
    body: bytes
    """What could be read, from the beginning."""
    end: Literal["whole", "cut", "corrupt"]
    """cut: there would be more, which did not come or is over the limit; corrupt: it is not what was compressed."""


def is_read(encoding: str) -> bool:
    return encoding in _READ


def most(body: bytes, encoding: str, limit: int) -> int:
    """Bytes that a request's body is inflated to at most. By what it says itself, so that what it takes to read is
    known before; one that grows beyond it lied, or is odd enough to go unread."""
    if encoding in _GZIP:
        told = int.from_bytes(body[-4:], "little")
        return min(max(told, _USUAL_RATIO * len(body)), limit)
    return limit


def inflated(body: bytes, encoding: str, limit: int = LIMIT) -> Inflated | None:
    """The plain bytes, `limit` of them at most; None for an encoding that is not read here."""
    if encoding in PLAIN:
        return Inflated(body, "whole")
    if encoding not in _READ:
        return None
    read = _read(body, _ANY_FRAME, limit)
    if read.end == "corrupt" and not read.body and encoding == "deflate":
        bare = _read(body, _NO_FRAME, limit)
        return bare if bare.end != "corrupt" else read
    return read


def _read(body: bytes, frame: int, limit: int) -> Inflated:
    kept: list[bytes] = []
    at, room = 0, limit
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(frame)
        while at < len(body) and room and not member.eof:
            before, piece = member.copy(), body[at : at + _PIECE]
            try:
                kept.append(member.decompress(piece, room))
            except zlib.error:
                return Inflated(b"".join([*kept, _before_the_break(before, piece, room)]), "corrupt")
            room -= len(kept[-1])
            at += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
        if not member.eof:
            return Inflated(b"".join(kept), "cut" if body else "whole")
        if not body.startswith(_MAGIC, at):
            # Zeros fill up a block; whatever else follows is no part of it.
            return Inflated(b"".join(kept), "corrupt" if body[at:].strip(b"\0") else "whole")
    return Inflated(b"".join(kept), "cut")


def _before_the_break(member: zlib._Decompress, piece: bytes, room: int) -> bytes:
    """Byte by byte, because the library gives nothing of a piece that it cannot read to its end."""
    kept = bytearray()
    try:
        for at in range(len(piece)):
            kept += member.decompress(piece[at : at + 1], room - len(kept))
            if len(kept) >= room:
                break
    except zlib.error:
        pass
    return bytes(kept)
