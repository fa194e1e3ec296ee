"""Looking for inputs that break a target, for a given time: wrong ones, and ones that take too long to read."""

from __future__ import annotations

import gc
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import MOST_BYTES
from tests.fuzz.target import Target

BATCH = 50
"""Inputs between two looks at the clock: a tenth of a second for most targets."""

_HAVOC_S = 0.5
"""Of random changes after each batch: about as long as the batch took."""
_POOL = 500
"""Inputs whose bytes are changed: the first ones, which hold all seeds."""
_SMALLER_S = 5.0
"""An input that is not the smallest one serves too."""

_UNITS = (b" ", b"\n", b"\r", b'"', b"\\", b"a", b"a ", b"[", b"{", b"`", b"(", b",", b"0", b"-", b"/", b"\xc3\xa9")
"""What is put into inputs, besides pieces of themselves."""

_UNIT_BYTES = 24
_FROM_BYTES = 2_000
_TO_BYTES = 64_000
"""Inputs are doubled between these two: below the first everything is quick, and above the second lies what bodies of
megabytes take, whose time the bench looks at."""
_TELLING_S = 0.05
"""What takes less may be a cache, a collection of garbage, or another process of this machine."""
_MOST_TIMES = 3.0
"""A doubled input may take so many times as long: linear is 2, quadratic 4."""
_RUNS = 5


@dataclass(frozen=True)
class Found:
    data: bytes
    story: str
    """What went wrong, with the end of its traceback."""


def wrong(target: Target, data: bytes) -> Found | None:
    try:
        target.check(data)
    except Exception as error:
        lines = traceback.format_exception(error)
        return Found(data, "".join(lines[-4:]))
    return None


def explore(target: Target, until: float, chosen: int = 0) -> tuple[int, Found | None]:
    """Tries inputs until this time (monotonic) or the first wrong one, which is made as small as can be. Gives how
    many were tried. `chosen` picks what comes first."""
    pool = [*target.seeds, *(data for _, data in target.corpus())]
    rng = random.Random(chosen)
    tried = 0
    while time.monotonic() < until:
        chosen += 1
        count, found = _made(target, until, chosen, pool)
        tried += count
        if found is None:
            share = min(until, time.monotonic() + _HAVOC_S)
            count, found = _havoc(target, share, rng, pool)
            tried += count
        if found is not None:
            return tried, found
    return tried, None


def _made(target: Target, until: float, chosen: int, pool: list[bytes]) -> tuple[int, Found | None]:
    """A batch of inputs that Hypothesis makes, and makes smaller where one is wrong. The others go into the pool."""
    tried = 0
    wrong_one: list[bytes] = []

    def attempt(data: bytes) -> None:
        nonlocal tried
        if time.monotonic() > until and not wrong_one:
            return
        tried += 1
        try:
            target.check(data)
        except Exception:
            wrong_one[:] = [data]
            raise
        pool.append(data)

    # No health checks: how quickly inputs are made is not what this is about.
    config = settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    try:
        seed(chosen)(config(given(target.inputs)(attempt)))()
    except Exception:
        if not wrong_one:
            raise
        data = wrong_one[0]
        return tried, wrong(target, data) or Found(data, "it failed once and not again: the reader is not pure")
    del pool[_POOL:]
    return tried, None


def _havoc(target: Target, until: float, rng: random.Random, pool: list[bytes]) -> tuple[int, Found | None]:
    """Bytes of known inputs changed at random: ten times as many a second as can be made with care."""
    tried = 0
    while time.monotonic() < until:
        tried += 1
        data = mutated(rng, pool)
        if wrong(target, data) is not None:
            return tried, _smaller(target, data)
    return tried, None


def mutated(rng: random.Random, pool: list[bytes]) -> bytes:
    data = rng.choice(pool)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((0, 1, 1, 4, 32)))
        other = rng.choice(pool)
        start = rng.randint(0, len(other))
        put = rng.choice((b"", rng.randbytes(1), rng.choice(_UNITS), other[start : start + rng.randint(1, 64)]))
        data = data[:at] + put + data[end:]
    return data[:MOST_BYTES]


def _smaller(target: Target, data: bytes) -> Found:
    """The same failure without what it does not need: parts are left out, by halves, for as long as it stays."""
    until = time.monotonic() + _SMALLER_S
    size = max(1, len(data) // 2)
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            less = data[:at] + data[at + size :]
            if wrong(target, less) is not None:
                data = less
            else:
                at += size
        size //= 2
    return wrong(target, data) or Found(data, "it failed once and not again: the reader is not pure")


def grow(
    target: Target, until: float, chosen: int = 0, clock: Callable[[], float] = time.process_time
) -> tuple[int, Found | None]:
    """The same for inputs whose time grows faster than they do: parts of seeds with something repeated in them. Time is
    CPU seconds of this process, as the machine is shared."""
    rng = random.Random(chosen)
    tried = 0
    while time.monotonic() < until:
        tried += 1
        seeded = rng.choice(list(target.seeds))
        at = rng.randint(0, len(seeded))
        filled = _Filled(seeded[:at], _unit(rng, seeded), seeded[at:])
        if wrong(target, filled(_FROM_BYTES)) is not None:
            return tried, _smaller(target, filled(_FROM_BYTES))
        slow = _slow(_Timed(target.check, clock), filled, until)
        if slow is not None:
            return tried, slow
    return tried, None


@dataclass(frozen=True)
class _Filled:
    before: bytes
    unit: bytes
    after: bytes

    def __call__(self, size: int) -> bytes:
        return self.before + self.unit * (size // len(self.unit)) + self.after


def _unit(rng: random.Random, seeded: bytes) -> bytes:
    if rng.random() < 0.4 or not seeded:
        return b"".join(rng.choice(_UNITS) for _ in range(rng.randint(1, 3)))
    start = rng.randint(0, len(seeded) - 1)
    return seeded[start : start + rng.randint(1, _UNIT_BYTES)]


@dataclass(frozen=True)
class _Timed:
    check: Callable[[bytes], None]
    clock: Callable[[], float]

    def __call__(self, data: bytes, runs: int) -> float:
        """The shortest of several runs."""
        took = []
        gc.disable()
        try:
            for _ in range(runs):
                begun = self.clock()
                self.check(data)
                took.append(self.clock() - begun)
        finally:
            gc.enable()
        return min(took)


def _slow(seconds: _Timed, made: Callable[[int], bytes], until: float) -> Found | None:
    """`made` gives inputs that are read without failing."""
    size = _FROM_BYTES
    before = seconds(made(size), 1)
    while size < _TO_BYTES and time.monotonic() < until:
        size *= 2
        data = made(size)
        took = seconds(data, 1)
        if took > _TELLING_S and took > _MOST_TIMES * before:
            # Once more with care, before anything is said.
            found = _grows(seconds, made, size)
            if found is not None:
                return found
        before = took
    return None


def _grows(seconds: _Timed, made: Callable[[int], bytes], size: int) -> Found | None:
    """Over two doublings, in turns: a neighbour of this processor slows all three down, or none in its shortest run."""
    sizes = (size // 4, size // 2, size)
    runs = [[seconds(made(each), 1) for each in sizes] for _ in range(_RUNS)]
    least, half, most = (min(took) for took in zip(*runs, strict=True))
    if most > _TELLING_S and most > _MOST_TIMES * half and most > _MOST_TIMES**2 * least:
        words = ", ".join(
            f"{each} bytes take {took:.3f} s" for each, took in zip(sizes, (least, half, most), strict=True)
        )
        return Found(made(size), f"{words}\n")
    return None
