"""A snapshot as ConfigMaps of fixed names, and back: how a torn or mixed write is told from a whole one. The operator
writes them; it reads them by the API, and a data plane as files that are mounted under the same names.

A ConfigMap holds at most 1 MiB, so the bytes are cut. The pieces of a snapshot lie in a slot; an index, written last,
says what each slot holds. A new snapshot goes into the slot that was written longest ago, so that the present one stays
whole until the index names its successor: a kill at any moment leaves a readable snapshot.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from costward_contract.codec import decode
from costward_contract.snapshot import Snapshot

INDEX = "costward-snapshots"
"""The ConfigMap, and the file, that holds the index."""

INDEX_KEY, PIECE_KEY = "index", "piece"
"""Of their ConfigMaps."""

CHUNK_BYTES = 700 * 1024
"""Of a ConfigMap's 1,048,576; as base64 in JSON these are 956 KiB, under the 1 MiB that some proxies before an API
server let through."""

SLOTS = 5
"""Snapshots that are kept: the present one and four to go back to; each takes a tenth of its size in etcd."""

MOST_CHUNKS = 64
"""45 MiB of compressed snapshot: some 300,000 policies. An index that says more is not ours."""

MOST_BYTES = 1024 * 1024 * 1024
"""A snapshot that unpacks to more is no snapshot."""

_FORMAT = 1


class TornError(ValueError):
    """The pieces are no whole snapshot; says which and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot that a slot holds."""

    slot: int
    hash: str
    chunks: int
    digest: str
    """SHA-256 over the packed bytes."""
    at: str
    """When it was published, RFC 3339."""


@dataclass(frozen=True, slots=True)
class Index:
    """Newest first."""

    entries: tuple[Entry, ...] = ()

    @property
    def current(self) -> Entry | None:
        return self.entries[0] if self.entries else None

    def free_slot(self) -> int:
        """One that nothing lies in, else the one whose snapshot is the oldest."""
        used = [entry.slot for entry in self.entries]
        return next((slot for slot in range(SLOTS) if slot not in used), used[-1] if used else 0)

    def with_entry(self, entry: Entry) -> Index:
        return Index((entry, *(other for other in self.entries if other.slot != entry.slot))[:SLOTS])

    def without(self, slot: int) -> Index:
        """What must be said before a slot is written over."""
        return Index(tuple(entry for entry in self.entries if entry.slot != slot))

    def text(self) -> str:
        return json.dumps({"format": _FORMAT, "snapshots": [asdict(entry) for entry in self.entries]}, indent=1)


def piece_name(slot: int, number: int) -> str:
    """The ConfigMap, and the file, that holds a piece."""
    return f"costward-snapshot-{slot}-{number}"


def stored(entry: Entry, read: Callable[[str], bytes | None]) -> Snapshot:
    """`read` gives a piece by its name; None: it is not there. Raises TornError, SnapshotError."""
    pieces = [read(piece_name(entry.slot, number)) for number in range(entry.chunks)]
    return opened(entry, pieces)


def opened(entry: Entry, pieces: Sequence[bytes | None]) -> Snapshot:
    """Raises TornError, SnapshotError."""
    snapshot = decode(unpack(entry, pieces))
    if snapshot.hash != entry.hash:
        raise TornError(f"what is stored as snapshot {entry.hash[:19]} is {snapshot.hash[:19]}")
    return snapshot


def pack(data: bytes) -> tuple[bytes, ...]:
    """Compressed and cut. The same bytes give the same pieces. Raises TornError for what is too large."""
    packed = gzip.compress(data, 6, mtime=0)
    pieces = tuple(packed[at : at + CHUNK_BYTES] for at in range(0, len(packed), CHUNK_BYTES))
    if len(pieces) > MOST_CHUNKS:
        raise TornError(f"the snapshot takes {len(pieces)} ConfigMaps and may take {MOST_CHUNKS}: remove policies")
    return pieces


def digest(pieces: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def unpack(entry: Entry, pieces: Sequence[bytes | None]) -> bytes:
    """The bytes that were packed. Raises TornError."""
    missing = [at for at, piece in enumerate(pieces) if piece is None]
    if missing or len(pieces) != entry.chunks:
        raise TornError(f"snapshot {entry.hash[:19]} lacks pieces {missing or f'beyond {len(pieces)}'}")
    whole = [piece for piece in pieces if piece is not None]
    if digest(whole) != entry.digest:
        raise TornError(f"the pieces of snapshot {entry.hash[:19]} are of another one: a write was interrupted")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(b"".join(whole), MOST_BYTES)
    except zlib.error as error:
        raise TornError(f"snapshot {entry.hash[:19]} does not unpack: {error}") from None
    if not unpacker.eof:
        raise TornError(f"snapshot {entry.hash[:19]} does not end where it should")
    return data


def read_index(text: str) -> Index:
    """An index as it was written; entries that are none are left out. Raises TornError for another format."""
    try:
        body = json.loads(text)
    except ValueError:
        raise TornError("the index of the stored snapshots is no JSON: it will be written anew") from None
    if not isinstance(body, Mapping) or body.get("format") != _FORMAT:
        raise TornError("the stored snapshots have another format: they will be written anew")
    listed = body.get("snapshots")
    entries = (_entry(item) for item in (listed if isinstance(listed, list) else []))
    return Index(tuple(entry for entry in entries if entry is not None)[:SLOTS])


def _entry(body: object) -> Entry | None:
    if not isinstance(body, Mapping):
        return None
    slot, chunks = body.get("slot"), body.get("chunks")
    words = [body.get(key) for key in ("hash", "digest", "at")]
    if not isinstance(slot, int) or not isinstance(chunks, int) or not all(isinstance(word, str) for word in words):
        return None
    if not 0 <= slot < SLOTS or not 0 < chunks <= MOST_CHUNKS:
        return None
    return Entry(slot, str(words[0]), chunks, str(words[1]), str(words[2]))
