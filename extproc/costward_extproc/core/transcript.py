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


@dataclass(frozen=True, slots=True)
class Transcript:
    limit: int
    """Bytes kept; what comes later is counted and dropped."""
    size: int = 0
    """Bytes seen, kept or not."""
    last: _Link | None = None

    def add(self, chunk: bytes) -> Transcript:
        size = self.size + len(chunk)
        if not chunk or size > self.limit:
            return Transcript(self.limit, size, self.last)
        return Transcript(self.limit, size, _Link(self.last, chunk))

    @property
    def overflowed(self) -> bool:
        return self.size > self.limit

    def bytes(self) -> bytes:
        """All that was kept, in order."""
        chunks = []
        link = self.last
        while link is not None:
            chunks.append(link.chunk)
            link = link.before
        return b"".join(reversed(chunks))
