"""What was seen of an answer: chunks as they came, in bounded memory.

A persistent list: adding a chunk is O(1) on average and leaves the older value as it was, so that a step of the machine
stays a pure function even over a stream of many thousand chunks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Link:
    before: _Link | None
    chunk: bytes


TAIL_BYTES = 16 * 1024
"""Kept of the end of an answer that is too long to keep: providers say the usage in the last event."""

_JOINED = 4 * 1024
"""Bytes that small chunks are joined up to: a link and its bytes take about 100 more than the chunk, so a stream of
single bytes would take a hundred times its size. What is joined again and again is small."""


@dataclass(frozen=True, slots=True)
class Transcript:
    limit: int
    """Bytes kept; what comes later is counted, and only the last TAIL_BYTES of it are kept."""
    size: int = 0
    """Bytes seen, kept or not."""
    last: _Link | None = None
    tail: bytes = b""

    def add(self, chunk: bytes) -> Transcript:
        size = self.size + len(chunk)
        if size > self.limit:
            return Transcript(self.limit, size, self.last, (self.tail + chunk)[-TAIL_BYTES:])
        return Transcript(self.limit, size, _linked(self.last, chunk) if chunk else self.last)

    @property
    def overflowed(self) -> bool:
        return self.size > self.limit

    def both_ends(self) -> bytes:
        """What was kept of a stream that was too long: its beginning and its end, with an empty line where events are
        missing between them."""
        begun = self.bytes()
        gap = b"" if len(begun) + len(self.tail) == self.size else b"\n\n"
        return begun + gap + self.tail

    def bytes(self) -> bytes:
        """All that was kept from the beginning, in order."""
        chunks = []
        link = self.last
        while link is not None:
            chunks.append(link.chunk)
            link = link.before
        return b"".join(reversed(chunks))


def _linked(last: _Link | None, chunk: bytes) -> _Link:
    """Each link is at least as long as the one after it, or full: few of them, and a byte is copied as often as a
    number has digits."""
    while last is not None and len(last.chunk) <= len(chunk) and len(last.chunk) + len(chunk) <= _JOINED:
        chunk, last = last.chunk + chunk, last.before
    return _Link(last, chunk)
