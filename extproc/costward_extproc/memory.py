"""Memory that the process does not use goes back to the system. glibc only; elsewhere both functions do nothing."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc

_M_ARENA_MAX = -8
"""mallopt(3)."""

_ARENAS = 2
"""The event loop's and one for all other threads: each further one keeps some megabytes to itself for ever."""


_YOUNG = 5_000
"""Objects made before the collector looks: some five exchanges' worth. Nearly all die by themselves before."""


_TRIM_S = 10.0
"""Between two trims, each a millisecond or two on a thread."""


def bound_arenas() -> None:
    """Before any thread starts."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, _ARENAS)


async def keep() -> None:
    """Give back what traffic freed, until cancelled. glibc keeps it otherwise, and a busy day's peak would stay."""
    while True:
        await asyncio.sleep(_TRIM_S)
        await asyncio.to_thread(_trim)


def _trim() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def settle() -> None:
    """After start-up: what it made stays for good, so the collector need not walk it again with every generation, and
    what it only needed to load goes back (about 10 MB)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
    _trim()
