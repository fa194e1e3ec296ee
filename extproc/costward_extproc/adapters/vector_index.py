"""Nearest neighbours in memory: one int8 matrix per cache partition.

Partitions are small and never searched together, so an exact scan beats a graph index in speed, memory and recall.
The scan only proposes candidates; whoever asks re-scores them in float32 from the stored vectors, which makes a
rounded, stale or half-written row cost a missed neighbour at worst, never a wrong score.

An index belongs to one thread: every method is called there.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from costward_extproc.cache.entries import DIMENSIONS, Vector

CANDIDATES = 16
"""Proposed per search: the true best four are among them even on skewed data (recall@4 0.98 with a scale per row)."""

ROUNDING = 0.01
"""How far a rounded score may lie below the true one: six times the largest error over 160,000 pairs of questions.
What is farther off need not be looked up: on most misses nothing need be."""

MAX_ROWS = 10_000
"""About 1 ms a scan. A larger partition keeps its newest entries here; older ones are still found by the exact tier."""

BLOCK_ROWS = 1_024
"""Rows widened to float32 at a time: 1.5 MB, which stays in the processor's cache."""

FIRST_ROWS = 16

MAX_BYTES = 32 * 2**20
"""A sixth of the 200 MB that the whole data plane may take, and room for 80,000 entries; colder partitions are loaded
again from the store when asked for."""

EMPTY_BYTES = 1_024
"""What a partition costs besides its rows, so that very many empty ones are bounded too."""

Item = TypeVar("Item", bound=np.generic)
Seqs: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Quantised vectors in ascending order of `seqs`, the store's row numbers; `upto` is the last one looked at."""

    seqs: Seqs
    codes: NDArray[np.int8]
    """int8[n, 384]: vector = code * scale."""
    scales: NDArray[np.float32]
    upto: int


def quantise(seqs: Seqs, vectors: NDArray[np.float32], upto: int) -> Rows:
    """One scale per row: a common one loses neighbours where vectors are skewed. `vectors`: float32[n, 384]."""
    peaks = np.abs(vectors).max(axis=1, initial=0.0)
    scales = np.where(peaks > 0, peaks / 127, 1).astype(np.float32)
    codes = np.rint(vectors / scales[:, None]).astype(np.int8)
    return Rows(seqs, codes, scales, upto)


class Partition:
    """The vectors of one partition, in no order. Deleting moves the last row into the gap."""

    def __init__(self) -> None:
        self._size = 0
        self._codes = np.empty((0, DIMENSIONS), np.int8)
        self._scales = np.empty(0, np.float32)
        self._seqs = np.empty(0, np.int64)
        self.upto = 0
        """The store's row number up to which this partition has been read."""

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        return self._codes.nbytes + self._scales.nbytes + self._seqs.nbytes + EMPTY_BYTES

    def extend(self, rows: Rows) -> None:
        """Add rows that are newer than all here; those already known are passed over."""
        fresh = rows.seqs > self.upto
        seqs, codes, scales = rows.seqs[fresh], rows.codes[fresh], rows.scales[fresh]
        self.upto = max(self.upto, rows.upto)
        self._drop_oldest(self._size + len(seqs) - MAX_ROWS)
        seqs, codes, scales = seqs[-MAX_ROWS:], codes[-MAX_ROWS:], scales[-MAX_ROWS:]
        end = self._size + len(seqs)
        self._grow(end)
        self._seqs[self._size : end], self._codes[self._size : end] = seqs, codes
        self._scales[self._size : end] = scales
        self._size = end

    def remove(self, seq: int) -> None:
        found = np.flatnonzero(self._seqs[: self._size] == seq)
        if not found.size:
            return
        row, last = int(found[0]), self._size - 1
        self._seqs[row], self._codes[row], self._scales[row] = self._seqs[last], self._codes[last], self._scales[last]
        self._size = last

    def scan(self, vector: Vector, at_least: float = -1.0) -> Seqs:
        """Row numbers of the nearest CANDIDATES among those that may score `at_least`, in no order."""
        size, codes, scales, seqs = self._size, self._codes, self._scales, self._seqs
        scores = np.empty(size, np.float32)
        for start in range(0, size, BLOCK_ROWS):
            end = min(start + BLOCK_ROWS, size)
            scores[start:end] = codes[start:end].astype(np.float32) @ vector
        scores *= scales[:size]
        near = np.flatnonzero(scores >= at_least - ROUNDING)
        if near.size > CANDIDATES:
            near = near[np.argpartition(scores[near], near.size - CANDIDATES)[-CANDIDATES:]]
        return seqs[near]

    def _drop_oldest(self, count: int) -> None:
        for _ in range(min(count, self._size)):
            self.remove(int(self._seqs[: self._size].min()))

    def _grow(self, rows: int) -> None:
        if rows <= len(self._seqs):
            return
        capacity = min(max(FIRST_ROWS, 2 * len(self._seqs), rows), MAX_ROWS)
        self._codes = _wider(self._codes[: self._size], capacity)
        self._scales = _wider(self._scales[: self._size], capacity)
        self._seqs = _wider(self._seqs[: self._size], capacity)


def _wider(array: NDArray[Item], rows: int) -> NDArray[Item]:
    """A new array, so that a scan under way keeps reading the old one."""
    wider = np.empty((rows, *array.shape[1:]), array.dtype)
    wider[: len(array)] = array
    return wider


class VectorIndex:
    """Partitions by name; those not asked for longest give way when all together exceed `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._partitions)

    def partition(self, name: str) -> Partition:
        """The partition of this name, perhaps new and empty."""
        partition = self._partitions.get(name)
        if partition is None:
            partition = self._partitions[name] = Partition()
            self.nbytes += partition.nbytes
            self._make_room()
        self._partitions.move_to_end(name)
        return partition

    def extend(self, name: str, partition: Partition, rows: Rows) -> None:
        """Add rows to a partition and let others go for it; nothing if it has itself been let go meanwhile."""
        if self._partitions.get(name) is not partition:
            return
        before = partition.nbytes
        partition.extend(rows)
        self.nbytes += partition.nbytes - before
        self._make_room()

    def drop(self, name: str) -> None:
        """Let go of a partition: it will be read anew."""
        partition = self._partitions.pop(name, None)
        if partition is not None:
            self.nbytes -= partition.nbytes

    def clear(self) -> None:
        self._partitions.clear()
        self.nbytes = 0

    def _make_room(self) -> None:
        # The one in use stays, even if it alone is too large: it is bounded by MAX_ROWS.
        while self.nbytes > self._max_bytes and len(self._partitions) > 1:
            _, coldest = self._partitions.popitem(last=False)
            self.nbytes -= coldest.nbytes
