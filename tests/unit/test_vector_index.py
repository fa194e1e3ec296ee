"""The index proposes the nearest rows through growth, deletion and eviction."""

from __future__ import annotations

import numpy as np
from costward_extproc.adapters import vector_index
from costward_extproc.adapters.vector_index import CANDIDATES, Partition, Rows, VectorIndex, quantise
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


def unit(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Clustered directions: neighbours differ little, as texts about one thing do."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(count // 20, 1), 384))
    vectors = centres[random.integers(len(centres), size=count)] + 0.4 * random.standard_normal((count, 384))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def rows(vectors: NDArray[np.float32], first: int = 1) -> Rows:
    seqs = np.arange(first, first + len(vectors))
    return quantise(seqs, vectors, upto=first + len(vectors) - 1)


def test_the_nearest_four_are_among_the_candidates() -> None:
    vectors = unit(3_000)
    partition = Partition()
    partition.extend(rows(vectors))
    kept = 0
    for query in unit(3_000)[:100] + 0.02 * unit(100, seed=1):
        best = np.argsort(-(vectors @ query))[:4] + 1
        kept += len(set(best.tolist()) & set(partition.scan(query).tolist()))
    assert kept >= 0.99 * 400


def test_rows_already_known_are_passed_over() -> None:
    partition = Partition()
    partition.extend(rows(unit(10)))
    partition.extend(rows(unit(12)))
    assert len(partition) == 12
    assert sorted(partition.scan(unit(1)[0]).tolist()) == list(range(1, 13))


def test_unusable_rows_are_not_read_again() -> None:
    partition = Partition()
    partition.extend(quantise(np.empty(0, np.int64), np.empty((0, 384), np.float32), upto=7))
    assert (len(partition), partition.upto) == (0, 7)
    assert partition.scan(unit(1)[0]).tolist() == []


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40))
def test_deleting_keeps_exactly_the_others(steps: list[tuple[bool, int]]) -> None:
    vectors = unit(60 * 40)
    partition, expected, last = Partition(), set[int](), 0
    for adds, n in steps:
        if adds:
            partition.extend(rows(vectors[last : last + n], last + 1))
            expected |= set(range(last + 1, last + n + 1))
            last += n
        else:
            partition.remove(n)
            expected.discard(n)
    assert len(partition) == len(expected)
    for seq in sorted(expected)[:5]:
        assert seq in partition.scan(vectors[seq - 1])
    assert len(partition.scan(vectors[0])) == min(len(expected), CANDIDATES)
    assert set(partition.scan(vectors[0]).tolist()) <= expected


def test_a_full_partition_keeps_the_newest() -> None:
    few = unit(500)
    partition = Partition()
    for start in range(0, 10_500, 500):
        partition.extend(rows(few, start + 1))
    assert len(partition) == vector_index.MAX_ROWS
    seen = {seq for query in few for seq in partition.scan(query).tolist()}
    assert min(seen) > 500


def test_the_coldest_partition_gives_way() -> None:
    index = VectorIndex(max_bytes=90_000)
    for name in "abc":
        index.extend(name, index.partition(name), rows(unit(80)))
        index.partition("a")
    assert index.nbytes <= 90_000
    assert len(index.partition("a")) == 80
    assert len(index.partition("b")) == 0
    assert len(index.partition("c")) == 80


def test_very_many_empty_partitions_are_bounded() -> None:
    index = VectorIndex(max_bytes=100_000)
    for n in range(1_000):
        index.partition(f"{n}")
    assert len(index) <= 100


def test_a_partition_that_was_let_go_takes_no_news() -> None:
    """It would be counted although nobody finds it, until nothing fits any more."""
    index = VectorIndex()
    orphan = index.partition("a")
    index.drop("a")
    index.extend("a", orphan, rows(unit(5), first=100))
    assert index.nbytes == 0
    assert (len(index.partition("a")), index.partition("a").upto) == (0, 0)


def test_bytes_are_accounted_for_to_zero() -> None:
    index = VectorIndex()
    for name in "ab":
        index.extend(name, index.partition(name), rows(unit(80)))
    index.drop("a")
    index.drop("b")
    assert index.nbytes == 0
