"""How far a snapshot goes: to every data plane at once, to a share of them first, or not at all while people went back
to an older one.

A bad policy is a valid policy: nothing here can tell it from a good one but time, the data planes' refusals and people.
So a trial is for those who ask for it, and going back is one word of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from costward_contract.snapshot import Snapshot

Trying = Literal["asked", "took", "refused"]
"""How one of the first data planes stands to the snapshot on trial."""

Move = Literal["nothing", "all", "try", "promote"]

PIN = "costward.dev/pinned-snapshot"
"""Annotation of the ConfigMap `costward-snapshots`: the hash, or its first characters, that data planes get whatever
the policies say. People write it (`costward rollout undo`); an annotation, as the operator's own writes leave it."""

_LEAST_CHARACTERS = 8
"""Of a hash: fewer could soon mean several, and a typing error would mean one."""


@dataclass(frozen=True, slots=True)
class Canary:
    percent: int = 0
    """Of the connected data planes, at least one, that get a new snapshot first; 0: all get it at once."""
    soak_s: float = 300.0
    """How long those have it before the others do: five minutes show a rise of errors on most dashboards."""


AT_ONCE = Canary()


@dataclass(frozen=True, slots=True)
class Trial:
    snapshot: Snapshot
    begun_at: float
    """Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What people went back to."""

    asked: str = ""
    """As they wrote it; empty: nothing."""
    snapshot: Snapshot | None = None
    """None where what they asked for is not kept any more: nothing new goes out then, since that was the wish."""


def move(canary: Canary, trial: Trial | None, wanted: str, published: str, first: Sequence[Trying], now: float) -> Move:
    """What to do about the snapshot with the hash `wanted`, where all but the first data planes have `published`.

    A trial that goes well is ended before the next begins: else a change every few minutes would keep all of them from
    most data planes for ever. One that was refused gives way at once.
    """
    if trial is None:
        if wanted == published:
            return "nothing"
        return "try" if canary.percent and published else "all"
    if wanted == published:
        return "all"
    if "refused" in first:
        return "nothing" if wanted == trial.snapshot.hash else "try"
    soaked = now >= trial.begun_at + canary.soak_s
    return "promote" if soaked and "asked" not in first else "nothing"


def held_back(canary: Canary, trial: Trial | None, pin: Pin) -> str:
    """Why not every data plane gets what the policies say; empty: they do. The same words for the same state, as they
    stand in statuses."""
    if pin.asked and pin.snapshot is None:
        return (
            f"rollout is held: the pinned snapshot {_short(pin.asked)} is not kept any more; `costward rollout resume`"
        )
    if pin.snapshot is not None:
        return f"rollout is pinned to {_short(pin.snapshot.hash)}; `costward rollout resume` ends that"
    if trial is not None:
        share = f"{canary.percent} % of the data planes"
        return f"{_short(trial.snapshot.hash)} is on trial with {share} for {canary.soak_s:g} s"
    return ""


def named(asked: str, hashes: Sequence[str]) -> str | None:
    """The one hash that `asked` (whole, or its first characters, with or without `sha256:`) means; None: none does."""
    digits = asked.strip().removeprefix("sha256:")
    if len(digits) < _LEAST_CHARACTERS:
        return None
    found = {hash for hash in hashes if hash.removeprefix("sha256:").startswith(digits)}
    return found.pop() if len(found) == 1 else None


def _short(hash: str) -> str:
    return hash.removeprefix("sha256:")[:12]
