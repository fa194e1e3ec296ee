"""One row of the cache's table: an entry as it is written, and back.

Rows carry a checksum: one that is not what was written, or whose vector has another shape, is no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from costward_extproc.cache.entries import DIMENSIONS, Entry

ROW_BYTES = 512
"""Columns and index pages of a row besides its text, answer and vector."""

COLUMNS = "seq, id, partition, key, policy, model, rung, cost, created_at, expires_at, checksum, vector, text, answer"
_VECTOR_TYPE = np.dtype("<f4")
_VECTOR_BYTES = DIMENSIONS * _VECTOR_TYPE.itemsize


def size_of(entry: Entry) -> int:
    """Bytes that an entry takes in the file, about."""
    return ROW_BYTES + len(entry.answer) + len(entry.text) + (0 if entry.vector is None else _VECTOR_BYTES)


def values_of(entry: Entry) -> tuple[Any, ...]:
    """Of COLUMNS, without the row number."""
    text = entry.text.encode("utf-8", "surrogatepass")
    vector = None if entry.vector is None else np.ascontiguousarray(entry.vector, _VECTOR_TYPE).tobytes()
    checksum = _checksum(entry.partition, entry.key, vector, text, entry.answer)
    return (
        *(entry.id, entry.partition, entry.key, entry.policy, entry.model, entry.rung, entry.cost),
        *(entry.created_at, entry.expires_at, checksum, vector, text, entry.answer),
    )


def usable(rows: Sequence[tuple[int, bytes | None]]) -> tuple[list[int], NDArray[np.float32]]:
    """Row numbers and float32[n, 384] of those rows whose vector has the right length and norm. All at once: numpy's
    price is per call."""
    shaped = [(seq, blob) for seq, blob in rows if blob is not None and len(blob) == _VECTOR_BYTES]
    vectors = np.frombuffer(b"".join(blob for _, blob in shaped), _VECTOR_TYPE).reshape(-1, DIMENSIONS)
    unit = _are_unit(vectors)
    if unit.all():
        return [seq for seq, _ in shaped], vectors
    return [seq for (seq, _), good in zip(shaped, unit, strict=True) if good], vectors[unit]


def _vector(blob: bytes | None) -> NDArray[np.float32] | None:
    if blob is None or len(blob) != _VECTOR_BYTES:
        return None
    vector = np.frombuffer(blob, _VECTOR_TYPE)
    return vector if _are_unit(vector[None]).all() else None


def _are_unit(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Of each row; anything else is junk. False for NaN and infinity too, which may overflow on the way."""
    with np.errstate(all="ignore"):
        unit: NDArray[np.bool_] = np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 0.01
    return unit


def entry_of(row: Sequence[Any]) -> Entry | None:
    """Of a row's COLUMNS; None for one that is not what was written."""
    seq_to_rung, (cost, created_at, expires_at, checksum, blob, text, answer) = row[:7], row[7:]
    _, id, partition, key, policy, model, rung = seq_to_rung
    if checksum != _checksum(partition, key, blob, text, answer):
        return None
    vector = _vector(blob)
    if blob is not None and vector is None:
        return None
    try:
        clear = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    entry = Entry(id, partition, key, policy, clear, answer, model, rung, cost, created_at, expires_at)
    return entry if vector is None else replace(entry, vector=vector)


def _checksum(partition: str, key: str, vector: bytes | None, text: bytes, answer: bytes) -> int:
    return crc32(answer, crc32(text, crc32(vector or b"", crc32(f"{partition}\n{key}".encode()))))
