"""The provider's prompt cache: what was sent before, up to a cache mark, is read for less and written for more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from costward_cli.stand_in.anthropic_request import Segment

SHORTEST = 1_024
"""Tokens: a shorter prefix is not cached, as with the provider's larger models."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Input tokens of one request; the parts do not overlap."""

    plain: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        return self.plain + self.read + self.written


def prompt(segments: Sequence[Segment], known: set[str], count: Callable[[str], int]) -> Prompt:
    """Counts the prompt, and adds to `known` the digests of the prefixes that are cached now."""
    digest = hashlib.sha256()
    tokens = read = 0
    marks: list[tuple[int, str, str]] = []
    for segment in segments:
        digest.update(segment.text.encode("utf-8", "replace") + b"\0")
        tokens += count(segment.text)
        if segment.lifetime is not None and tokens >= SHORTEST:
            marks.append((tokens, segment.lifetime, digest.hexdigest()))
            if marks[-1][2] in known:
                read = tokens
    until = read
    written = {"5m": 0, "1h": 0}
    for at, lifetime, name in marks:
        known.add(name)
        if at > until:
            written["1h" if lifetime == "1h" else "5m"] += at - until
            until = at
    return Prompt(tokens - until, read, written["5m"], written["1h"])
