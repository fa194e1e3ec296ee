"""What was seen of an answer: chunks as they came, in bounded memory.

A persistent list: adding a chunk is O(1) and leaves the older value as it was, so that a step of the machine stays a
pure function even over a stream of many thousand chunks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Link:
    before: _Link | None
    chunk: bytes


TAIL_BYTES = 16 * 1024
"""Kept of the end of an answer that is too long to keep: providers say the usage in the last event."""


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
        return Transcript(self.limit, size, _Link(self.last, chunk) if chunk else self.last)

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
