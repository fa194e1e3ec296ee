"""Run a command that the system ends when the process that started it is gone, however that one ended.

Used as `python tether.py PARENT_PID COMMAND...`. It replaces itself by the command, so the pid stays the same. A
wrapper and not a `preexec_fn`, because running Python between fork and exec is unsafe beside threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""


def main(argv: list[str]) -> None:
    parent, command = int(argv[0]), argv[1:]
    if sys.platform == "linux":
        # SIGTERM, not SIGKILL: a data plane still settles what is in flight.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # The parent died before the line above took effect.
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
