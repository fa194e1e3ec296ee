"""Memory that the process does not use goes back to the system. glibc only; elsewhere both functions do nothing."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_M_ARENA_MAX = -8
"""mallopt(3)."""

_ARENAS = 2
"""The event loop's and one for all other threads: each further one keeps some megabytes to itself for ever."""


_YOUNG = 20_000
"""Objects made before the collector looks: some twenty exchanges' worth. Nearly all die by themselves before."""


def bound_arenas() -> None:
    """Before any thread starts."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """After start-up: what it made stays for good, so the collector need not walk it again with every generation, and
    what it only needed to load goes back (about 10 MB)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
