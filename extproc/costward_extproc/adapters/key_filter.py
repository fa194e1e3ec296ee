"""Knows without asking the file that an answer is certainly not there: most requests of most traffic are new.

A Bloom filter (B. H. Bloom, CACM 13(7), 1970): false positives cost a look at the file, false negatives do not exist
for what was added. What other workers stored is added at the next look, so a repetition of their answer may be missed
for that long.
"""

from __future__ import annotations

from collections.abc import Iterable

_BITS = 2**23
"""1 MiB. With four probes a hundred thousand entries give 5 wrong guesses in a million, a million entries 2 in 100."""

_MASK = _BITS - 1


class KeyFilter:
    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, partition: str, key: str) -> None:
        for bit in _probes(partition, key):
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def may_hold(self, partition: str, key: str) -> bool:
        return all(self._bits[bit >> 3] & 1 << (bit & 7) for bit in _probes(partition, key))


def _probes(partition: str, key: str) -> Iterable[int]:
    # Python's own string hash: 64 bits, seeded anew in every process, so nobody can aim at it.
    one, two = hash((partition, key)), hash((key, partition))
    return one & _MASK, one >> 23 & _MASK, two & _MASK, two >> 23 & _MASK
