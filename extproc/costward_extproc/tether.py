"""A worker must not outlive its supervisor: nobody would restart it, and its successor wants its socket."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""


def end_with(parent: int) -> None:
    """Have the system send us SIGTERM when our parent is gone, however it ended: what is in flight is still settled.
    Ends this process where it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)
