"""What is fuzzed, and how: one target is one reader of bytes from outside, with what must hold for every input.

An input is bytes alone, also where a reader takes more: whatever else a check needs (how to cut them, say) it derives
from them. So a failing input is a file, and the file is the whole of the regression case.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy

CORPUS = Path(__file__).resolve().parent / "corpus"
FOUND = Path(__file__).resolve().parents[2] / "build" / "fuzz"
"""Where a run that must not change the repository leaves what it finds."""


@dataclass(frozen=True)
class Target:
    name: str
    check: Callable[[bytes], None]
    """Raises whatever is wrong; a reader's own errors are its business and do not count."""
    inputs: SearchStrategy[bytes]
    seeds: Sequence[bytes]
    """Inputs of the shapes that people send."""
    grows: bool = True
    """Whether its time is looked at; not where each call has a large fixed cost."""

    def corpus(self, root: Path = CORPUS) -> list[tuple[str, bytes]]:
        """Inputs that once failed, by file name."""
        folder = root / self.name
        return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())] if folder.is_dir() else []

    def keep(self, data: bytes, root: Path) -> Path:
        """A file of this input, named by it."""
        path = root / self.name / hashlib.sha256(data).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def chance(data: bytes) -> random.Random:
    """The same numbers for the same input."""
    return random.Random(zlib.crc32(data))


def pieces(data: bytes, rng: random.Random, most: int = 12) -> list[bytes]:
    """`data` cut at up to `most` random places; empty pieces are among them."""
    at = sorted(rng.randint(0, len(data)) for _ in range(rng.randint(0, most)))
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


def every_cut(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((data[:at], data[at:]) for at in range(len(data) + 1))


def has_words(problem: Exception) -> None:
    """What ours are for: an error without any helps nobody."""
    assert str(problem)
